#include "dspy/lm/sampling.hpp"

#include "dspy/base/error.hpp"

#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

template <class T>
void require(bool holds, std::string_view name, std::string_view rule, const T& value) {
  if (holds) return;
  throw Error(Errc::invalid_parameter, std::format("`{}` must be {}, but is {}", name, rule, value),
              {.invalid = {std::string(name)}});
}

}  // namespace

Sampling Sampling::over(const Sampling& fallback) const {
  auto merged = *this;
  const auto fill = [](auto& value, const auto& other) {
    if (!value) value = other;
  };
  fill(merged.max_tokens, fallback.max_tokens);
  fill(merged.temperature, fallback.temperature);
  fill(merged.top_p, fallback.top_p);
  fill(merged.top_k, fallback.top_k);
  fill(merged.min_p, fallback.min_p);
  fill(merged.repeat_penalty, fallback.repeat_penalty);
  fill(merged.repeat_last_n, fallback.repeat_last_n);
  fill(merged.frequency_penalty, fallback.frequency_penalty);
  fill(merged.presence_penalty, fallback.presence_penalty);
  fill(merged.seed, fallback.seed);
  fill(merged.logprobs, fallback.logprobs);
  if (merged.stop.empty()) merged.stop = fallback.stop;
  if (merged.field_temperatures.empty()) merged.field_temperatures = fallback.field_temperatures;
  return merged;
}

// Comparisons are written so that NaN fails them.
void validate(const Sampling& sampling) {
  const auto& s = sampling;
  if (s.max_tokens) require(*s.max_tokens >= 1, "max_tokens", "at least 1", *s.max_tokens);
  if (s.temperature) {
    require(*s.temperature >= 0 && std::isfinite(*s.temperature), "temperature", "a number of at least 0",
            *s.temperature);
  }
  if (s.top_p) require(*s.top_p > 0 && *s.top_p <= 1, "top_p", "above 0 and at most 1", *s.top_p);
  if (s.top_k) require(*s.top_k >= 0, "top_k", "at least 0 (which is off)", *s.top_k);
  if (s.min_p) require(*s.min_p >= 0 && *s.min_p <= 1, "min_p", "from 0 to 1", *s.min_p);
  if (s.repeat_penalty) {
    require(*s.repeat_penalty > 0 && std::isfinite(*s.repeat_penalty), "repeat_penalty", "a number above 0 (1 is off)",
            *s.repeat_penalty);
  }
  if (s.repeat_last_n) require(*s.repeat_last_n >= 0, "repeat_last_n", "at least 0", *s.repeat_last_n);
  for (const auto& [name, penalty] :
       {std::pair{"frequency_penalty", s.frequency_penalty}, {"presence_penalty", s.presence_penalty}})
    if (penalty) require(std::isfinite(*penalty), name, "a number", *penalty);
  if (s.logprobs) require(*s.logprobs >= 0 && *s.logprobs <= 100, "logprobs", "from 0 to 100", *s.logprobs);
  for (const auto& [field, temperature] : s.field_temperatures) {
    require(temperature >= 0 && std::isfinite(temperature), std::format("field_temperatures[\"{}\"]", field),
            "a number of at least 0", temperature);
  }
  for (const auto& word : s.stop) require(!word.empty(), "stop", "a list of texts that are not empty", "`\"\"`");
}

}  // namespace dspy
