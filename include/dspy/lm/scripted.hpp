#pragma once

#include "dspy/lm/lm.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace dspy {

/// An LM that answers from a script: for tests and for measuring everything but a model.
/// Thread-safe.  Usage counts the words of prompt and reply.
class ScriptedLM final : public LM {
 public:
  /// Answers with `replies` in turn; asked once more, throws `Error` (`inference_failed`).
  explicit ScriptedLM(std::deque<std::string> replies);
  /// Answers every request by a function of it.
  explicit ScriptedLM(std::function<std::string(const Request& request)> answer);
  /// The same with all that a reply can say; `usage` is counted unless it says something.
  explicit ScriptedLM(std::function<Reply(const Request& request)> answer);

  std::string_view model() const noexcept override { return "scripted"; }
  Async<Reply> complete(Request request) override;
  /// One event a word.
  Async<Reply> stream(Request request, EventSink sink) override;

  /// The requests so far, oldest first, if `remember` was left on.
  std::vector<Request> requests() const;
  void remember(bool on);

 private:
  Reply answer(Request&& request);
  std::uint64_t count_prompt(const Chat& messages);

  mutable std::mutex mutex_;
  std::deque<std::string> replies_;
  std::function<Reply(const Request&)> answer_;
  std::vector<Request> requests_;
  Chat::Prefix counted_;  ///< Kept alive, so that an equal pointer means equal text.
  std::uint64_t counted_words_ = 0;
  bool remember_ = true;
};

}  // namespace dspy
