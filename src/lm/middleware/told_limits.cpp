#include "lm/middleware/told_limits.hpp"

#include "dspy/base/json.hpp"

#include <cstdint>

namespace dspy {
namespace {

std::optional<double> number_in(const JsonObject& object, std::string_view name) {
  const auto* const found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return {};
  return found->to_number<double>();
}

}  // namespace

std::optional<ToldLimit> told_limit(const Reply& reply, std::string_view what) {
  const auto* const data = reply.provider_data.if_object();
  const auto* const limits = data != nullptr ? data->if_contains("rate_limits") : nullptr;
  const auto* const all = limits != nullptr ? limits->if_object() : nullptr;
  const auto* const one = all != nullptr ? all->if_contains(what) : nullptr;
  const auto* const told = one != nullptr ? one->if_object() : nullptr;
  if (told == nullptr) return {};
  const auto* const per = told->if_contains("per");
  if (per == nullptr || !per->is_string() || per->get_string() != "minute") return {};
  const auto limit = number_in(*told, "limit"), remaining = number_in(*told, "remaining");
  if (!limit || *limit <= 0 || !remaining || *remaining < 0) return {};
  ToldLimit out{.limit = *limit, .remaining = *remaining};
  if (const auto reset = number_in(*told, "reset_ms"); reset && *reset >= 0 && *reset <= 1e12)
    out.reset = std::chrono::nanoseconds(static_cast<std::int64_t>(*reset * 1e6));
  return out;
}

}  // namespace dspy
