#include "serving/served_texts.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/server/catalog.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

std::pair<std::string, std::string> named(const std::string& value) {
  const auto equals = value.find('=');
  // An `=` behind a `?` belongs to a URI's options.
  if (equals == std::string::npos || equals == 0 || equals > value.find_first_of(":/?")) return {value, value};
  return {value.substr(0, equals), value.substr(equals + 1)};
}

server::ServedModel begun(const server::Catalog& catalog, const std::string& name) {
  const auto before = catalog.model(name);
  return before ? *before : server::ServedModel{.name = name};
}

}  // namespace

void serve_texts(const std::vector<std::string>& embedders, const std::vector<std::string>& rerankers,
                 server::Catalog& catalog) {
  const auto refuse_second = [](bool is_taken, const std::string& name, std::string_view what) {
    if (is_taken)
      throw Error(Errc::invalid_parameter, std::format("two {} are called `{}`; write NAME=URI for one", what, name));
  };
  for (const auto& value : embedders) {
    const auto [name, uri] = named(value);
    auto model = begun(catalog, name);
    refuse_second(model.embedder != nullptr, name, "embedders");
    model.embedder = embedder(uri);
    catalog.put(std::move(model));
  }
  for (const auto& value : rerankers) {
    const auto [name, uri] = named(value);
    auto model = begun(catalog, name);
    refuse_second(model.reranker != nullptr, name, "rerankers");
    model.reranker = reranker(uri);
    catalog.put(std::move(model));
  }
}

}  // namespace dspy::app
