#include "agents/loop/lent_messages.hpp"

#include <utility>

namespace dspy {

void LentMessages::clear() {
  messages_ = std::make_shared<std::vector<Message>>();
  lent_ = std::make_shared<Count>(0);
}

void LentMessages::push_back(Message message) {
  // Acquires what those who gave it back did with it: after that nobody reads it.
  if (lent_->load(std::memory_order_acquire) != 0) {
    messages_ = std::make_shared<std::vector<Message>>(*messages_);
    lent_ = std::make_shared<Count>(0);
  }
  messages_->push_back(std::move(message));
}

Chat LentMessages::lend() const {
  lent_->fetch_add(1, std::memory_order_relaxed);
  return Chat(Chat::Prefix(messages_.get(), [keeps = messages_, lent = lent_](const std::vector<Message>*) {
    lent->fetch_sub(1, std::memory_order_release);
  }));
}

}  // namespace dspy
