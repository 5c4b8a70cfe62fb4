#include "server/experiments/experiment_file.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;

bool is_arm(const Json& value) {
  const auto* const arm = value.if_object();
  return arm != nullptr && !experiment_text(*arm, "name").empty() && !experiment_text(*arm, "version").empty();
}

bool is_experiment(const Json& value) {
  const auto* const object = value.if_object();
  const auto* const arms = object != nullptr ? object->if_contains("arms") : nullptr;
  return arms != nullptr && arms->is_array() && std::ranges::all_of(arms->get_array(), is_arm);
}

}  // namespace

std::string experiment_text(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

std::filesystem::path experiment_path(const Workspace& workspace, std::string_view tenant, std::string_view id) {
  return workspace.path(tenant, "experiments", id, ".json");
}

std::optional<JsonObject> read_experiment(const Workspace& workspace, std::string_view tenant, std::string_view id) {
  const auto path = experiment_path(workspace, tenant, id);
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  auto json = parse_json(read_text(path, most_bytes));
  if (!json || !is_experiment(*json))
    throw Error(Errc::io_error, std::format("the experiment `{}` is damaged; restore its file from a copy", id));
  json->get_object()["id"] = id;
  return std::move(json->get_object());
}

}  // namespace dspy::server
