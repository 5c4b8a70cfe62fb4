#include "llama/prefixes/state_memory.hpp"

#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

std::vector<Token> tokens(std::string_view text) {
  return {text.begin(), text.end()};
}

std::vector<Token> with_start(std::size_t start, std::string_view end) {
  return tokens(std::string(start, 's') + std::string(end));
}

TEST_CASE("the longest state that a prompt begins with is found, of its own adapters") {
  StateMemory memory(1000);
  memory.keep(0, tokens("ab"), std::vector<std::byte>(10));
  memory.keep(0, tokens("abcd"), std::vector<std::byte>(10));
  memory.keep(0, tokens("abcd"), std::vector<std::byte>(10));  // is there already
  memory.keep(1, tokens("abcde"), std::vector<std::byte>(10));

  REQUIRE(memory.find(0, tokens("abcdef")) != nullptr);
  CHECK(memory.find(0, tokens("abcdef"))->tokens == tokens("abcd"));
  CHECK(memory.find(0, tokens("abcd"))->tokens == tokens("abcd"));
  CHECK(memory.find(0, tokens("abc"))->tokens == tokens("ab"));
  CHECK(memory.find(0, tokens("a")) == nullptr);
  CHECK(memory.find(1, tokens("abcdef"))->tokens == tokens("abcde"));
  CHECK(memory.bytes() == 30);
  memory.clear(0);
  CHECK(memory.find(0, tokens("abcdef")) == nullptr);
  CHECK(memory.bytes() == 10);
  memory.clear();
  CHECK(memory.bytes() == 0);
}

TEST_CASE("states keep within their bound, the least recently used go first") {
  StateMemory memory(30);
  for (const std::string_view text : {"a", "b", "c"}) memory.keep(0, tokens(text), std::vector<std::byte>(10));
  memory.find(0, tokens("a"));
  memory.keep(0, tokens("d"), std::vector<std::byte>(20));
  CHECK(memory.find(0, tokens("a")) != nullptr);
  CHECK(memory.find(0, tokens("b")) == nullptr);
  CHECK(memory.find(0, tokens("c")) == nullptr);
  CHECK(memory.bytes() == 30);
  CHECK(memory.totals().dropped == 2);
  memory.keep(0, tokens("e"), std::vector<std::byte>(31));
  CHECK(memory.find(0, tokens("e")) == nullptr);
  CHECK(memory.bytes() == 30);
}

TEST_CASE("a state is worth keeping where it saves most: a beginning that many share, or a long one") {
  StateMemory memory(1000);
  const auto prompt = with_start(200, "abc");
  const auto place = [&](std::size_t known, const std::vector<std::vector<Token>>& others) {
    const std::vector<std::span<const Token>> spans(others.begin(), others.end());
    return memory.place(0, prompt, known, spans);
  };
  CHECK(place(0, {}) == 0);
  CHECK(place(0, {tokens("something else")}) == 0);
  CHECK(place(0, {with_start(31, "x")}) == 0);  // too short
  CHECK(place(0, {with_start(200, "x")}) == 200);
  CHECK(place(0, {with_start(200, "abc and more")}) == 203);
  // One goes on alike for longer; two do not.
  CHECK(place(0, {with_start(200, "abx"), with_start(200, "x"), with_start(200, "y")}) == 200);
  CHECK(place(0, {with_start(200, "x"), with_start(50, "x"), with_start(50, "y")}) == 200);
  CHECK(place(180, {with_start(200, "x")}) == 0);  // little is left
  memory.note(0, with_start(200, "x"));
  memory.note(1, with_start(200, "abc"));
  CHECK(place(0, {}) == 200);
}

/// An engine of a model whose context cannot forget or share a part of a sequence.
struct Fixture : test::EngineFixture {
  Fixture() {
    runtime.forgets_parts = false;
    model = Model::load(folder / "fake.gguf", {}, {}, &runtime);
    start();
  }
  std::size_t known(const Generated& reply) const { return static_cast<std::size_t>(*reply.usage.cache_read_tokens); }
};

TEST_CASE_FIXTURE(Fixture, "a model with states reads the start that prompts share twice, then never again") {
  const std::string start_text(300, 's');
  CHECK(known(ask(start_text + "one")) == 0);
  CHECK(known(ask(start_text + "two")) == 0);  // what they share is known only now
  for (const char* const end : {"three", "four"}) {
    const auto reply = ask(start_text + end);
    CHECK(known(reply) > 300);
    CHECK(reply.text == "Hello!");
  }
  const auto stats = engine->stats();
  CHECK(stats.stored_tokens > 300);
  CHECK(stats.restored_tokens == 2 * stats.stored_tokens);
  CHECK(stats.host_bytes > 0);
  engine->clear();
  CHECK(engine->stats().host_bytes == 0);
  CHECK(known(ask(start_text + "five")) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a conversation with a model with states goes on from the turn before") {
  Chat chat{{Role::user, std::string(100, 'q')}};
  std::vector<std::size_t> sizes;
  for (int turn = 0; turn < 5; ++turn) {
    const auto prompt = model->tokenize(chat);
    const auto reply = wait(engine->generate({.prompt = prompt, .sampling = {.temperature = 0}}));
    CHECK(reply.text == "Hello!");
    // A turn's state is kept when the next one shows that it is gone on from.
    if (turn >= 2) CHECK(known(reply) > sizes.end()[-2]);
    sizes.push_back(prompt.size());
    chat.push_back({Role::assistant, "Hello!"});
    chat.push_back({Role::user, std::string(40, static_cast<char>('a' + turn))});
  }
}

TEST_CASE_FIXTURE(Fixture, "of requests to a model with states that come at once, one reads what they share") {
  start({.sequences = 8, .collect = std::chrono::milliseconds(300)});
  runtime.computed = 0;
  std::vector<Generated> replies(8);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < replies.size(); ++i)
      callers.emplace_back(
          [&, i] { replies[i] = ask(std::string(400, 's') + std::string(20, static_cast<char>('a' + i))); });
  }
  std::size_t whole = 0;
  for (const auto& reply : replies) {
    CHECK(reply.text == "Hello!");
    whole += known(reply) == 0 ? 1 : 0;
  }
  CHECK(whole == 1);
  CHECK(runtime.computed < 400 + 8 * 100);
}

TEST_CASE_FIXTURE(Fixture, "a state that cannot be brought back is forgotten, and the prompt computed") {
  const std::string start_text(300, 's');
  for (const char* const end : {"one", "two"}) ask(start_text + end);
  runtime.restores = false;
  const auto reply = ask(start_text + "three");
  CHECK(reply.text == "Hello!");
  CHECK(known(reply) == 0);
  CHECK(engine->stats().host_bytes == 0);
}

TEST_CASE_FIXTURE(Fixture, "states are not kept where prompts are not, or where there is no memory for them") {
  for (const auto& options : {EngineOptions{.reuse = false}, EngineOptions{.host_bytes = 0},
                              EngineOptions{.host_bytes = 1000}, EngineOptions{.reproducible = true}}) {
    start(options);
    for (const char* const end : {"one", "two", "three"}) CHECK(known(ask(std::string(300, 's') + end)) == 0);
    CHECK(engine->stats().host_bytes == 0);
  }
}

}  // namespace
}  // namespace dspy::llama
