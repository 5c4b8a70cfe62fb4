#include "dspy/lm/message.hpp"

namespace dspy {

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::system: return "system";
    case Role::user: return "user";
    case Role::assistant: return "assistant";
  }
  return "unknown";
}

}  // namespace dspy
