#include "dspy/lm/message.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("Roles and messages are plain values with the field's names") {
  CHECK(to_string(Role::system) == "system");
  CHECK(to_string(Role::user) == "user");
  CHECK(to_string(Role::assistant) == "assistant");
  CHECK(Message{Role::user, "hi"} == Message{Role::user, "hi"});
  CHECK_FALSE(Message{Role::user, "hi"} == Message{Role::system, "hi"});
}
