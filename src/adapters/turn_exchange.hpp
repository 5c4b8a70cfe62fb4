#pragma once

#include "adapters/reading_exchange.hpp"
#include "adapters/turns.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// The parts of an adapter's texts that turns need.
struct TurnTexts {
  std::string_view partial_example;
  std::string_view missing_in_example;
  std::string_view missing_in_history;
};

/// An exchange whose prompts are a system message, then demonstrations, history and the question
/// as turns, the last one with a request for the outputs.  What an adapter adds is how a side of a
/// turn is written.
class TurnExchange : public ReadingExchange {
 public:
  Chat format(const JsonObject& inputs, std::span<const Example> history) const final {
    Chat chat(prefix_);
    for (const auto& turn : history) {
      if (coverage_of(turn.data, signature()) == Coverage::nothing) continue;
      chat.push_back({Role::user, question(turn.data, {})});
      chat.push_back({Role::assistant, answer(turn.data, texts_.missing_in_history)});
    }
    auto content = question(inputs, {});
    if (!content.empty() && !request_.empty()) content += "\n\n";
    chat.push_back({Role::user, std::move(content.append(request_))});
    return chat;
  }

 protected:
  TurnExchange(const std::shared_ptr<const Signature>& signature, OutputContract::Form form, TurnTexts texts,
               std::string request)
      : ReadingExchange(signature, form), texts_(texts), request_(std::move(request)) {}

  /// For the constructors of final classes, which have what `question` and `answer` need.
  void write_prefix(std::string system, std::span<const Example> demos) {
    std::vector<Message> messages;
    messages.reserve(1 + 2 * demos.size());
    messages.push_back({Role::system, std::move(system)});
    for (const auto& demo : arrange_demos(demos, signature())) {
      const auto preface = demo.coverage == Coverage::partial ? texts_.partial_example : std::string_view();
      messages.push_back({Role::user, question(*demo.data, preface)});
      messages.push_back({Role::assistant, answer(*demo.data, texts_.missing_in_example)});
    }
    prefix_ = std::make_shared<const std::vector<Message>>(std::move(messages));
  }

  /// A user turn without its request.
  virtual std::string question(const JsonObject& data, std::string_view preface) const = 0;
  /// An assistant turn, with `missing` for a required output that `data` lacks.
  virtual std::string answer(const JsonObject& data, std::string_view missing) const = 0;

  /// A good guess of what a question takes, so that it is one allocation.
  std::size_t question_size(const JsonObject& data, std::string_view preface) const {
    return preface.size() + likely_size(data, signature().inputs) + request_.size() + 2;
  }

 private:
  TurnTexts texts_;
  std::string request_;
  Chat::Prefix prefix_;
};

}  // namespace dspy
