#pragma once

#include "dspy/lm/lm.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dspy {

/// An LM that answers from a script: for tests and for measuring everything but a model.
/// Thread-safe.  Usage counts the words of prompt and reply.
///
/// Its fingerprint is that of its replies.  What a function answers nobody can know, so each LM made of one has a
/// fingerprint of its own, unlike that of any other in any process; name those that answer alike, such as in a run that
/// is resumed.
class ScriptedLM final : public LM {
 public:
  /// Answers with `replies` in turn; asked once more, throws `Error` (`inference_failed`).
  explicit ScriptedLM(std::deque<std::string> replies);
  /// Answers every request by a function of it.
  explicit ScriptedLM(std::function<std::string(const Request& request)> answer, std::string name = {});
  /// The same with all that a reply can say; `usage` is counted unless it says something.
  explicit ScriptedLM(std::function<Reply(const Request& request)> answer, std::string name = {});
  ScriptedLM(const ScriptedLM&) = delete;
  ScriptedLM& operator=(const ScriptedLM&) = delete;

  std::string_view model() const noexcept override { return "scripted"; }
  std::string fingerprint() const override;
  Async<Reply> complete(Request request) override;
  /// One event a word.
  Async<Reply> stream(Request request, EventSink sink) override;

  /// The requests so far, oldest first, if `remember` was left on.
  std::vector<Request> requests() const;
  void remember(bool on);

 private:
  class Script;  // shared with calls, which may outlast the LM

  std::shared_ptr<Script> script_;
};

}  // namespace dspy
