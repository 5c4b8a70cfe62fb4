#include "agents/loop/lent_messages.hpp"

#include "dspy/lm/message.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::vector<std::string> texts_of(const Chat& chat) {
  std::vector<std::string> out;
  for (const auto& message : chat) out.push_back(message.text());
  return out;
}

}  // namespace

TEST_CASE("a lent conversation stays as it was while it is held, and is not copied once it is not") {
  LentMessages messages;
  CHECK(messages.empty());
  messages.push_back({Role::user, "a"});
  auto first = messages.lend();
  const auto* const where = first.prefix().get();
  messages.push_back({Role::user, "b"});
  CHECK(texts_of(first) == std::vector<std::string>{"a"});

  auto second = messages.lend();
  CHECK(second.prefix().get() != where);
  CHECK(texts_of(second) == std::vector<std::string>{"a", "b"});
  const auto* const again = second.prefix().get();
  auto copy = second;
  copy.push_back({Role::user, "only here"});
  second = Chat();
  messages.push_back({Role::user, "c"});
  CHECK(texts_of(copy) == std::vector<std::string>{"a", "b", "only here"});

  copy = Chat();
  const auto* const grown = messages.lend().prefix().get();
  messages.push_back({Role::user, "d"});
  CHECK(messages.lend().prefix().get() == grown);
  CHECK(grown != again);
  CHECK(texts_of(messages.lend()) == std::vector<std::string>{"a", "b", "c", "d"});

  messages.clear();
  CHECK(messages.empty());
  CHECK(messages.lend().empty());
}

TEST_CASE("what was lent is read in another thread while the conversation grows, and outlives it") {
  std::vector<std::jthread> readers;
  std::vector<std::size_t> letters(20);
  {
    LentMessages messages;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      messages.push_back({Role::user, std::string(i, 'x')});
      readers.emplace_back([chat = messages.lend(), &count = letters[i]]() mutable {
        for (const auto& message : std::exchange(chat, Chat())) count += message.text().size();
      });
    }
  }
  readers.clear();
  for (std::size_t i = 0; i < letters.size(); ++i) CHECK(letters[i] == i * (i + 1) / 2);
}
