#include "dspy/lm/scripted.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/cache.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <thread>

using namespace dspy;

namespace {

Request ask(std::string text) {
  return {.messages = {{Role::user, std::move(text)}}};
}

template <class F>
Error error_of(F&& call) {
  const auto result = attempt(std::forward<F>(call));
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("ScriptedLM answers in turn, counts words and remembers what it was asked") {
  ScriptedLM lm(std::deque<std::string>{"one", "two words"});

  const auto first = wait(lm.complete(ask("how  many\nwords here? ")));
  const auto second = wait(lm.complete(ask("b")));

  CHECK(first.text() == "one");
  CHECK(first.usage == Usage{.requests = 1, .prompt_tokens = 4, .completion_tokens = 1});
  CHECK(second.text() == "two words");
  CHECK(second.usage.completion_tokens == 2);
  const auto requests = lm.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].messages[0].text() == "b");
  CHECK(lm.model() == "scripted");
}

TEST_CASE("What a ScriptedLM returned can be awaited when it is gone") {
  auto lm = std::make_optional<ScriptedLM>(std::deque<std::string>{"one", "two words"});
  auto completes = lm->complete(ask("a"));
  auto streams = lm->stream(ask("b"), {});
  lm.reset();

  CHECK(wait(std::move(completes)).text() == "one");
  CHECK(wait(std::move(streams)).text() == "two words");
}

TEST_CASE("ScriptedLM counts words between white space of any kind and of any length") {
  struct Case {
    std::string text;
    std::uint64_t words;
  };
  const std::vector<Case> cases = {
      {"", 0},
      {" \t\n\v\f\r", 0},
      {"a", 1},
      {"seven chars", 2},
      {"1234567 9012345 7", 3},
      {"12345678 0123456", 2},
      {"12345678\n", 1},
      {"\tnaïve\vcafé\r\n日本 x", 4},
      {std::string("a\0b c", 5), 2},
      {"\x08 \x0e \x1f!\x89\xa0", 3},
      {std::string(1000, ' ') + std::string(1000, 'x'), 1},
  };
  for (const auto& [text, words] : cases) {
    for (std::size_t before = 0; before < 9; ++before) {
      CAPTURE(text);
      CAPTURE(before);
      ScriptedLM lm(std::deque<std::string>{text});

      const auto usage = wait(lm.complete(ask(std::string(before, ' ') + text))).usage;

      CHECK(usage.prompt_tokens == words);
      CHECK(usage.completion_tokens == words);
    }
  }
}

TEST_CASE("ScriptedLM counts the shared start of a prompt with every prompt") {
  const auto prefix = [](std::string text) {
    return std::make_shared<const std::vector<Message>>(std::vector<Message>{{Role::system, std::move(text)}});
  };
  ScriptedLM lm([](const Request&) { return "ok"; });
  const auto prompt_tokens = [&](Chat::Prefix start) {
    Chat chat(std::move(start));
    chat.push_back({Role::user, "two words"});
    return wait(lm.complete({.messages = std::move(chat)})).usage.prompt_tokens;
  };

  const auto three = prefix("one two three");
  CHECK(prompt_tokens(three) == 5);
  CHECK(prompt_tokens(three) == 5);
  CHECK(prompt_tokens(prefix("one")) == 3);
  CHECK(prompt_tokens(nullptr) == 2);
  CHECK(prompt_tokens(three) == 5);
}

TEST_CASE("ScriptedLM without a reply left says so") {
  ScriptedLM lm(std::deque<std::string>{});

  const auto error = error_of([&] { wait(lm.complete(ask("x"))); });

  CHECK(error.code() == Errc::inference_failed);
  CHECK(std::string_view(error.what()) == "the script has no reply left; give the ScriptedLM one for each request");
  CHECK(lm.requests().size() == 1);
}

TEST_CASE("ScriptedLM answers by a function of the request") {
  ScriptedLM lm([](const Request& request) { return request.messages.back().text() + "!"; });

  CHECK(wait(lm.complete(ask("a"))).text() == "a!");
  CHECK(wait(lm.complete(ask("b"))).text() == "b!");
  CHECK(error_of([] { ScriptedLM(std::function<std::string(const Request&)>()); }).code() == Errc::config_error);
}

TEST_CASE("ScriptedLM forgets on demand") {
  ScriptedLM lm(std::deque<std::string>{"one", "two"});
  lm.remember(false);

  wait(lm.complete(ask("a")));

  CHECK(lm.requests().empty());
}

TEST_CASE("ScriptedLM streams one event a word, which join to the reply") {
  for (const std::string text : {"two  words\n", " a b c", "", " \n ", "x"}) {
    CAPTURE(text);
    ScriptedLM lm(std::deque<std::string>{text});
    std::string joined;
    int prompts = 0;
    int words = 0;

    const auto reply = wait(lm.stream(ask("q"), [&](const StreamEvent& event) {
      joined += event.text;
      prompts += event.kind == StreamEvent::Kind::prompt_done;
      words += event.kind == StreamEvent::Kind::text;
    }));

    CHECK(joined == text);
    CHECK(reply.text() == text);
    CHECK(prompts == 1);
    CHECK(words == static_cast<int>(std::max<std::uint64_t>(*reply.usage.completion_tokens, text.empty() ? 0 : 1)));
  }
}

TEST_CASE("ScriptedLM obeys stop and deadline like a real model") {
  ScriptedLM lm([](const Request&) { return "a b c d"; });
  std::stop_source stop;
  auto request = ask("q");
  request.stop = stop.get_token();

  int words = 0;
  const auto cut = error_of([&] {
    wait(lm.stream(request, [&](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text && ++words == 2) stop.request_stop();
    }));
  });
  CHECK(cut.code() == Errc::cancelled);
  CHECK(cut.info().raw == "a b");
  CHECK(error_of([&] { wait(lm.complete(request)); }).code() == Errc::cancelled);

  auto late = ask("q");
  late.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  CHECK(error_of([&] { wait(lm.complete(late)); }).code() == Errc::deadline_exceeded);
  auto wrong = ask("q");
  wrong.sampling.max_tokens = 0;
  CHECK(error_of([&] { wait(lm.complete(wrong)); }).code() == Errc::invalid_parameter);
}

TEST_CASE("ScriptedLM serves many threads, each reply once") {
  std::deque<std::string> replies;
  for (int i = 0; i < 400; ++i) replies.push_back(std::to_string(i));
  ScriptedLM lm(replies);
  std::atomic<int> sum = 0;

  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) sum += std::stoi(wait(lm.complete(ask("q"))).text());
    });
  }
  threads.clear();

  CHECK(sum == 400 * 399 / 2);
  CHECK(lm.requests().size() == 400);
}

TEST_CASE("Scripted LMs are told apart by their replies, and those with functions by themselves or their names") {
  const auto fixed = [](std::deque<std::string> replies) { return ScriptedLM(std::move(replies)).fingerprint(); };
  const auto saying = [](std::string text, std::string name = {}) {
    return ScriptedLM([text](const Request&) { return text; }, std::move(name)).fingerprint();
  };

  CHECK(fixed({"a", "b"}) == fixed({"a", "b"}));
  CHECK(fixed({"a", "b"}) != fixed({"b", "a"}));
  CHECK(fixed({"a", "b"}) != fixed({"a b"}));
  CHECK(fixed({"a\n1 b"}) != fixed({"a", "b"}));
  CHECK(saying("a") != saying("b"));
  CHECK(saying("a") != saying("a"));  // nobody knows that it is the same
  CHECK(saying("a", "one") == saying("b", "one"));
  CHECK(saying("a", "one") != saying("a", "two"));
}

TEST_CASE("Two scripted LMs share no replies in a cache") {
  const auto cache = std::make_shared<Cache>(CacheOptions{.enable_cache = true});
  const auto reply_of = [&](std::string text) {
    const auto lm = cached(cache)(std::make_shared<ScriptedLM>([text](const Request&) { return text; }));
    return wait(lm->complete(ask("the same question"))).text();
  };

  CHECK(reply_of("one") == "one");
  CHECK(reply_of("two") == "two");
}
