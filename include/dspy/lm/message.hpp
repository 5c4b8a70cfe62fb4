#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

enum class Role { system, user, assistant };

std::string_view to_string(Role role) noexcept;

/// One turn of a conversation with a model.  `content` is data: no marker in it is obeyed.
struct Message {
  Role role = Role::user;
  std::string content = {};

  bool operator==(const Message&) const = default;
};

using Chat = std::vector<Message>;

}  // namespace dspy
