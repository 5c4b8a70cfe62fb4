#include "dspy/lm/completion.hpp"

#include "dspy/base/error.hpp"

#include <array>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {

std::optional<double> Completion::probability(std::string_view field) const {
  double sum = 0;
  bool found = false;
  for (const auto& token : logprobs) {
    if (token.field != field || field.empty()) continue;
    sum += token.logprob;
    found = true;
  }
  if (!found) return std::nullopt;
  return std::exp(sum);
}

std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::stop: return "stop";
    case FinishReason::length: return "length";
    case FinishReason::tool_calls: return "tool_calls";
    case FinishReason::content_filter: return "content_filter";
    case FinishReason::error: return "error";
  }
  std::unreachable();
}

FinishReason finish_reason(std::string_view name) {
  using enum FinishReason;
  for (const auto reason : {stop, length, tool_calls, content_filter, error})
    if (to_string(reason) == name) return reason;
  throw Error(Errc::config_error, std::format("`{}` is no finish reason; there are `stop`, `length`, `tool_calls`, "
                                              "`content_filter` and `error`",
                                              name));
}

}  // namespace dspy
