#include "dspy/adapters/field_adapter.hpp"

#include "adapters/reading/reading_exchange.hpp"
#include "adapters/writing/field_format.hpp"
#include "adapters/writing/media_parts.hpp"
#include "adapters/writing/turns.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <utility>

namespace dspy {
namespace {

class FieldExchange final : public ReadingExchange {
 public:
  FieldExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos)
      : ReadingExchange(owned, OutputContract::Form::fields),
        conversation_(conversation_input(*owned)),
        has_media_(std::ranges::any_of(owned->inputs, [](const Field& field) { return holds_media(field.type); })) {
    for (const auto& field : signature().outputs) {
      if (!hints_.empty()) hints_ += '\n';
      append_hint(hints_, field);
    }
    Chat chat;
    if (!signature().instructions.empty()) chat.push_back({Role::system, signature().instructions});
    for (const auto& demo : arrange_demos(demos, signature())) add_turn(chat, *demo.data);
    if (!chat.empty()) prefix_ = std::make_shared<const std::vector<Message>>(chat.begin(), chat.end());
  }

  Chat format(const JsonObject& inputs, std::span<const Example> history) const override {
    Chat chat(prefix_);
    if (history.empty() && conversation_ == nullptr) {
      chat.push_back(user_turn(inputs));
      return chat;
    }
    const auto asked = take_shown_turns(inputs, signature(), history);
    for (const auto& turn : asked.turns) add_turn(chat, turn);
    chat.push_back(user_turn(asked.inputs));
    return chat;
  }

 private:
  void add_turn(Chat& chat, const JsonObject& data) const {
    chat.push_back(user_turn(data));
    std::string content;
    content.reserve(likely_size(data, signature().outputs));
    for (const auto& field : signature().outputs) {
      const auto* const value = value_of(data, field);
      if (value == nullptr) continue;
      if (!content.empty()) content += '\n';
      content += notation_.opening(field);
      append_output(content, form().labels, field, *value);
    }
    chat.push_back({Role::assistant, std::move(content)});
  }

  Message user_turn(const JsonObject& data) const {
    if (!has_media_) return {Role::user, question(data)};
    return {Role::user,
            parts_with_media(data, signature().inputs, [this](const JsonObject& shown) { return question(shown); })};
  }

  std::string question(const JsonObject& inputs) const {
    std::string content;
    content.reserve(likely_size(inputs, signature().inputs) + hints_.size());
    for (const auto& field : signature().inputs) {
      const auto* const value = value_of(inputs, field);
      if (value == nullptr) continue;
      if (!content.empty()) content += '\n';
      content += notation_.opening(field);
      append_input(content, form().labels, *value);
    }
    if (!content.empty()) content += "\n\n";
    content += hints_;
    return content;
  }

  const ReplyNotation& notation_ = ReplyNotation::of(OutputContract::Form::fields);
  const Field* conversation_;  ///< Of the signature; null if it has none.
  bool has_media_;
  std::string hints_;
  Chat::Prefix prefix_;
};

}  // namespace

std::shared_ptr<const Exchange> FieldAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                      std::span<const Example> demos) const {
  return std::make_shared<FieldExchange>(signature, demos);
}

}  // namespace dspy
