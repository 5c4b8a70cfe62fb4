#pragma once

#include "dspy/lm/completion.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"

#include <atomic>
#include <format>
#include <string>
#include <string_view>

namespace dspy::test {

/// Plays the model of any number of agents at once, in the text protocol: it calls `tool` as long as the prompt shows
/// fewer than `calls` observations, then finishes, then answers.  What it says depends on the request alone.
/// Thread-safe.
class TurnLM final : public LM {
 public:
  TurnLM(std::string tool, std::string arguments, int calls, std::string answer)
      : tool_(std::move(tool)), arguments_(std::move(arguments)), calls_(calls), answer_(std::move(answer)) {}

  std::string_view model() const noexcept override { return "turns"; }
  Async<Reply> complete(Request request) override {
    ++requests_;
    return reply(text_for(request));
  }
  int requests() const noexcept { return requests_; }

 private:
  static Async<Reply> reply(std::string text) {
    Completion completion;
    completion.text = std::move(text);
    co_return Reply(std::move(completion), Usage{.requests = 1});
  }

  std::string text_for(const Request& request) const {
    std::string prompt;
    for (const auto& message : request.messages) prompt += message.text();
    if (!prompt.contains("Next tool name")) return answer_;
    const bool is_over = calls_ == 0 || prompt.contains(std::format("observation_{}:", calls_ - 1));
    return std::format("Next thought: on\nNext tool name: {}\nNext tool args: {}", is_over ? "finish" : tool_,
                       is_over ? "{}" : arguments_);
  }

  std::string tool_, arguments_;
  int calls_;
  std::string answer_;
  std::atomic<int> requests_ = 0;
};

}  // namespace dspy::test
