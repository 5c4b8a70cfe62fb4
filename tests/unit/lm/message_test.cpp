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

TEST_CASE("A chat behaves like a vector of messages, wherever they are held") {
  const auto prefix = std::make_shared<const std::vector<Message>>(
      std::vector<Message>{{Role::system, "Be brief."}, {Role::user, "a"}, {Role::assistant, "b"}});
  const Chat whole = {{Role::system, "Be brief."}, {Role::user, "a"}, {Role::assistant, "b"}, {Role::user, "c"}};

  Chat chat(prefix);
  chat.push_back({Role::user, "c"});

  CHECK(chat == whole);
  CHECK(chat.size() == 4);
  CHECK(chat.back().text() == "c");
  CHECK(std::as_const(chat)[1].text() == "a");
  std::string joined;
  for (const auto& message : chat) joined += message.text();
  CHECK(joined == "Be brief.abc");
  CHECK(Chat().empty());
  CHECK(Chat() == Chat(std::vector<Message>()));
  CHECK(chat != Chat(prefix));
}

TEST_CASE("Changing a chat leaves those it shares messages with alone") {
  const Chat first(std::make_shared<const std::vector<Message>>(std::vector<Message>{{Role::user, "a"}}));
  auto second = first;

  second.push_back({Role::assistant, "b"});
  second[0] = {Role::user, "changed"};
  second[1] = {Role::assistant, "as well"};

  CHECK(first == Chat{{Role::user, "a"}});
  CHECK(second == Chat{{Role::user, "changed"}, {Role::assistant, "as well"}});
  CHECK(first.prefix() != nullptr);
  CHECK(second.prefix() == nullptr);
}
