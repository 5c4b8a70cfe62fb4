#include "dspy/adapters/chat_adapter.hpp"

#include "adapters/chat_format.hpp"
#include "adapters/reading_exchange.hpp"
#include "adapters/turns.hpp"

#include <utility>

namespace dspy {
namespace {

class ChatExchange final : public ReadingExchange {
 public:
  ChatExchange(const std::shared_ptr<const Signature>& owned, std::span<const Example> demos,
               std::shared_ptr<const ChatAdapterOptions> options)
      : ReadingExchange(owned, OutputContract::Form::markers),
        options_(std::move(options)),
        request_(chat_request_text(signature(), texts())) {
    std::vector<Message> messages;
    messages.reserve(1 + 2 * demos.size());
    messages.push_back({Role::system, chat_system_text(signature(), texts())});
    for (const auto& demo : arrange_demos(demos, signature())) {
      const bool partial = demo.coverage == Coverage::partial;
      messages.push_back({Role::user, question(*demo.data, partial ? std::string_view(texts().partial_example) : "")});
      messages.push_back({Role::assistant, answer(*demo.data, texts().missing_in_example)});
    }
    prefix_ = std::make_shared<const std::vector<Message>>(std::move(messages));
  }

  Chat format(const JsonObject& inputs, std::span<const Example> history) const override {
    Chat chat(prefix_);
    for (const auto& turn : history) {
      if (coverage_of(turn.data, signature()) == Coverage::nothing) continue;
      chat.push_back({Role::user, question(turn.data, {})});
      chat.push_back({Role::assistant, answer(turn.data, texts().missing_in_history)});
    }
    auto content = question(inputs, {});
    if (!content.empty() && !request_.empty()) content += "\n\n";
    chat.push_back({Role::user, std::move(content.append(request_))});
    return chat;
  }

 private:
  const ChatTexts& texts() const noexcept { return options_->texts; }

  std::string question(const JsonObject& data, std::string_view preface) const {
    std::string out;
    out.reserve(preface.size() + likely_size(data, signature().inputs) + request_.size());
    out += preface;
    for (const auto& field : signature().inputs) {
      if (const auto* const value = value_of(data, field)) append_section(out, form().markers, field, *value);
    }
    return out;
  }

  std::string answer(const JsonObject& data, std::string_view missing) const {
    std::string out;
    out.reserve(likely_size(data, signature().outputs) + 32);
    for (const auto& field : signature().outputs) {
      if (const auto* const value = value_of(data, field)) {
        append_section(out, form().markers, field, *value);
      } else if (field.is_required()) {
        append_section(out, field.name, missing);
      }
    }
    append_completed(out);
    return out;
  }

  std::shared_ptr<const ChatAdapterOptions> options_;
  std::string request_;
  Chat::Prefix prefix_;
};

}  // namespace

ChatAdapter::ChatAdapter(ChatAdapterOptions options)
    : options_(std::make_shared<const ChatAdapterOptions>(std::move(options))) {}

std::shared_ptr<const Exchange> ChatAdapter::prepare(std::shared_ptr<const Signature> signature,
                                                     std::span<const Example> demos) const {
  return std::make_shared<ChatExchange>(signature, demos, options_);
}

}  // namespace dspy
