#include "dspy/base/usage.hpp"

#include "base/usage_counts.hpp"
#include "dspy/base/error.hpp"

#include <format>
#include <limits>
#include <string_view>

namespace dspy {

JsonObject to_json(const Usage& usage) {
  JsonObject out{{"requests", usage.requests}};
  for_each_count(usage, [&](std::string_view name, const Usage::Count& count) {
    if (count) out[name] = *count;
  });
  if (usage.cost_nanodollars) out["cost_nanodollars"] = *usage.cost_nanodollars;
  return out;
}

Usage usage_from_json(const JsonObject& written) {
  Usage usage;
  const auto read = [&](std::string_view name, Usage::Count& count) {
    const auto* const value = written.if_contains(name);
    if (value == nullptr || value->is_null()) return;
    boost::system::error_code code;
    const auto number = value->is_number() ? value->to_number<std::uint64_t>(code) : 0;
    if (code || !value->is_number())
      throw Error(Errc::config_error,
                  std::format("`usage.{}` must be a whole number from 0, not {}", name, to_text(*value)));
    count = number;
  };
  Usage::Count requests;
  read("requests", requests);
  usage.requests = requests.value_or(0);
  for_each_count(usage, read);
  Usage::Count cost;
  read("cost_nanodollars", cost);
  if (cost) {
    if (*cost > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      throw Error(Errc::config_error, "`usage.cost_nanodollars` is too large");
    usage.cost_nanodollars = static_cast<std::int64_t>(*cost);
  }
  return usage;
}

}  // namespace dspy
