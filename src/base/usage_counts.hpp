#pragma once

#include "dspy/base/usage.hpp"

#include <string_view>

namespace dspy {

/// Calls `visit` with the name and the place of each count that a model may leave out, in the order in which they are
/// written.
template <class Counts, class F>
void for_each_count(Counts& usage, F visit) {
  visit(std::string_view("prompt_tokens"), usage.prompt_tokens);
  visit(std::string_view("completion_tokens"), usage.completion_tokens);
  visit(std::string_view("cache_read_tokens"), usage.cache_read_tokens);
  visit(std::string_view("cache_write_tokens"), usage.cache_write_tokens);
  visit(std::string_view("reasoning_tokens"), usage.reasoning_tokens);
  visit(std::string_view("audio_prompt_tokens"), usage.audio_prompt_tokens);
  visit(std::string_view("audio_completion_tokens"), usage.audio_completion_tokens);
  visit(std::string_view("reported_total"), usage.reported_total);
}

}  // namespace dspy
