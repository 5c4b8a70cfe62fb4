#include "dspy/lm/message.hpp"

#include <algorithm>

namespace dspy {

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::system: return "system";
    case Role::user: return "user";
    case Role::assistant: return "assistant";
  }
  return "unknown";
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
