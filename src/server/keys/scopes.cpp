#include "dspy/server/keys/scopes.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {
namespace {

using namespace std::string_view_literals;

// A test compares them with the endpoints.
constexpr std::array scopes_known = {
    "agents:read"sv,         "datasets:read"sv,    "datasets:write"sv, "events:read"sv,    "experiments:read"sv,
    "experiments:write"sv,   "feedback:read"sv,    "feedback:write"sv, "indexes:read"sv,   "invoke"sv,
    "jobs:read"sv,           "jobs:write"sv,       "keys:read"sv,      "keys:write"sv,     "optimizations:read"sv,
    "optimizations:write"sv, "programs:promote"sv, "programs:read"sv,  "resources:read"sv, "runs:read"sv,
    "system:read"sv,         "traces:read"sv,      "traces:write"sv,
};

}  // namespace

std::span<const std::string_view> known_scopes() noexcept {
  return scopes_known;
}

void require_known_scopes(const std::vector<std::string>& scopes, const std::vector<std::string>& own) {
  constexpr std::string_view model = "model:";
  for (const auto& scope : scopes) {
    if (scope == "*" || (scope.starts_with(model) && scope.size() > model.size())) continue;
    if (std::ranges::contains(scopes_known, scope) || std::ranges::contains(own, scope)) continue;
    std::vector<std::string> names(scopes_known.begin(), scopes_known.end());
    names.insert(names.end(), own.begin(), own.end());
    const auto near = text::nearest(scope, names);
    throw Error(
        Errc::bad_input,
        std::format("there is no scope `{}`{}; there are {}, `model:NAME`, and `*` for all", scope.substr(0, 64),
                    near ? std::format(" (did you mean `{}`?)", *near) : "", text::enumerate(names, "`", "and")),
        {.invalid = {"scopes"}});
  }
}

}  // namespace dspy::server
