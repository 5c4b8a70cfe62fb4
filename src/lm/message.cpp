#include "dspy/lm/message.hpp"

#include <algorithm>
#include <utility>

namespace dspy {

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::system: return "system";
    case Role::developer: return "developer";
    case Role::user: return "user";
    case Role::assistant: return "assistant";
    case Role::tool: return "tool";
  }
  std::unreachable();
}

Message::Message(Role who, std::string text) : role(who) {
  parts.emplace_back(TextPart{std::move(text)});
}

std::string Message::text() const {
  std::string joined;
  for (const auto& part : parts) {
    if (const auto* const text = part.get<TextPart>()) joined += text->text;
  }
  return joined;
}

const std::string* Message::only_text() const noexcept {
  static const std::string nothing;
  if (parts.empty()) return &nothing;
  const auto* const text = parts.size() == 1 ? parts.front().get<TextPart>() : nullptr;
  return text != nullptr ? &text->text : nullptr;
}

Message& Chat::operator[](std::size_t i) {
  if (i < prefix_size()) {
    own_.insert(own_.begin(), prefix_->begin(), prefix_->end());
    prefix_.reset();
  }
  return own_[i - prefix_size()];
}

bool Chat::operator==(const Chat& other) const noexcept {
  return std::equal(begin(), end(), other.begin(), other.end());
}

}  // namespace dspy
