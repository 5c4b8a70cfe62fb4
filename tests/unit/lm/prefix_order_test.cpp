#include "dspy/lm/prefix_order.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("Prompts with the same beginning become neighbours, and equal ones keep their order") {
  const auto chat = [](std::string system, std::string user) {
    return Chat{{Role::system, std::move(system)}, {Role::user, std::move(user)}};
  };
  const std::vector<Chat> prompts = {chat("b", "x 1"), chat("a", "y"), chat("b", "w"), chat("a", "y"),
                                     chat("b", "x 2"), chat("a", "x"), Chat{},         Chat{{Role::system, "b"}}};

  CHECK(prefix_order(prompts) == std::vector<std::size_t>{6, 5, 1, 3, 7, 2, 0, 4});
  CHECK(prefix_order({}).empty());
}

TEST_CASE("Conversations that share their beginning are ordered as those that repeat it") {
  const auto shared = std::make_shared<const std::vector<Message>>(std::vector<Message>{{Role::system, "m"}});
  std::vector<Chat> prompts;
  for (const auto* text : {"c", "a", "b"}) {
    Chat chat(shared);
    chat.push_back({Role::user, text});
    prompts.push_back(std::move(chat));
  }
  prompts.push_back(Chat{{Role::system, "m"}, {Role::user, "aa"}});

  CHECK(prefix_order(prompts) == std::vector<std::size_t>{1, 3, 2, 0});
}

TEST_CASE("Who speaks counts as what is said does") {
  const std::vector<Chat> prompts = {Chat{{Role::user, "a"}}, Chat{{Role::system, "a"}}, Chat{{Role::user, "a"}}};

  CHECK(prefix_order(prompts) == std::vector<std::size_t>{1, 0, 2});
}
