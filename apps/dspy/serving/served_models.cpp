#include "serving/served_models.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/server/catalog.hpp"

#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct NamedModel {
  std::string name;
  std::string model;
};

NamedModel named(const std::string& value) {
  const auto equals = value.find('=');
  // An `=` behind a `?` belongs to a URI's options.
  if (equals != std::string::npos && equals > 0 && equals < value.find_first_of(":/?"))
    return {.name = value.substr(0, equals), .model = value.substr(equals + 1)};
  const auto path = std::string_view(value).substr(0, value.find('?'));
  if (path.ends_with(".gguf")) return {.name = std::filesystem::path(path).stem().string(), .model = value};
  return {.name = value, .model = value};
}

std::string default_name(const LM& lm) {
  return std::filesystem::path(lm.model()).stem().string();
}

}  // namespace

std::shared_ptr<LM> serve_models(const std::vector<std::string>& values, server::Catalog& catalog) {
  if (values.empty()) {
    const char* const from_environment = std::getenv("DSPY_MODEL");
    auto lm = make_lm(from_environment == nullptr ? "" : from_environment);
    catalog.put(server::ServedModel{.name = default_name(*lm), .lm = lm});
    return lm;
  }
  std::shared_ptr<LM> first;
  for (const auto& value : values) {
    auto [name, model] = named(value);
    if (catalog.model(name))
      throw Error(Errc::invalid_parameter,
                  std::format("two models are called `{}`; write NAME={} for one of them", name, model));
    auto lm = make_lm(model);
    if (!first) first = lm;
    catalog.put(server::ServedModel{.name = std::move(name), .lm = std::move(lm)});
  }
  return first;
}

}  // namespace dspy::app
