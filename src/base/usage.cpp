#include "dspy/base/usage.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <limits>
#include <string_view>

namespace dspy {
namespace {

/// Calls `visit` with the name and the place of each count.
template <class Counts, class F>
void for_each_count(Counts& usage, F visit) {
  visit("prompt_tokens", usage.prompt_tokens);
  visit("completion_tokens", usage.completion_tokens);
  visit("cache_read_tokens", usage.cache_read_tokens);
  visit("cache_write_tokens", usage.cache_write_tokens);
  visit("reasoning_tokens", usage.reasoning_tokens);
  visit("audio_prompt_tokens", usage.audio_prompt_tokens);
  visit("audio_completion_tokens", usage.audio_completion_tokens);
  visit("reported_total", usage.reported_total);
}

}  // namespace

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
      throw Error(Errc::config_error, "`usage.cost_nanodollars` is more money than there is");
    usage.cost_nanodollars = static_cast<std::int64_t>(*cost);
  }
  return usage;
}

}  // namespace dspy
