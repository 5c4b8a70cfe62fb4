#pragma once

#include "dspy/lm/completion.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/request.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace dspy::llama {

/// Takes a model's text apart while it comes: thoughts between `<think>` and `</think>` at its beginning, then the
/// answer.  White space around the thoughts belongs to neither.  For one reply and one thread.
class ThoughtSplitter {
 public:
  /// Receives a piece of the thoughts or of the answer; never an empty one.
  using Sink = std::function<void(StreamEvent::Kind kind, std::string_view text)>;

  void push(std::string_view text, const Sink& sink);
  void finish(const Sink& sink);

  /// How many bytes stand before the answer.
  std::size_t answer_start() const noexcept { return answer_start_; }

 private:
  enum class State { beginning, thoughts_begin, thoughts, gap, answer };

  State state_ = State::beginning;
  std::string held_;  ///< May be part of a tag, or white space before one.
  std::size_t taken_ = 0;
  std::size_t answer_start_ = 0;
};

/// Moves the thoughts in `completion.text` to `completion.reasoning`.
void split_thoughts(Completion& completion);

/// The text that `split_thoughts` would take apart into `prefill`.
std::string joined(const Prefill& prefill);

}  // namespace dspy::llama
