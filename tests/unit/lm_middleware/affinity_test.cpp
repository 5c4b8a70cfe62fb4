#include "dspy/lm/middleware/affinity.hpp"

#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::test;

namespace {

/// Says its name.
std::shared_ptr<ScriptedLM> named(std::string name) {
  return std::make_shared<ScriptedLM>([name = std::move(name)](const Request&) { return name; });
}

std::shared_ptr<LM> over(const std::vector<std::string>& names, FakeClock& clock, AffinityOptions options = {}) {
  std::vector<Route> routes;
  for (const auto& name : names) routes.push_back({.lm = named(name)});
  return affine_router(std::move(routes), options, {}, fake_timing(clock));
}

/// A program's prompt: instructions, and a question behind them.
Request prompt(int program, int question) {
  return {.messages = {Message(Role::system, std::format("{:04}", program) + std::string(1'100, 'i')),
                       Message(Role::user, std::to_string(question))}};
}

}  // namespace

TEST_CASE("Prompts that begin alike go to the same LM, and those that do not are shared out") {
  FakeClock clock;
  const auto lm = over({"a", "b", "c"}, clock);
  std::map<std::string, int> programs;

  for (int program = 0; program < 300; ++program) {
    const auto first = wait(lm->complete(prompt(program, 0))).text();
    for (int question = 1; question < 4; ++question)
      CHECK(wait(lm->complete(prompt(program, question))).text() == first);
    ++programs[first];
  }

  REQUIRE(programs.size() == 3);
  for (const auto& [name, count] : programs) CHECK(std::abs(count - 100) < 40);
}

TEST_CASE("A conversation stays where it began") {
  FakeClock clock;
  const auto lm = over({"a", "b", "c", "d"}, clock);
  for (int program = 0; program < 20; ++program) {
    auto request = prompt(program, 1);
    const auto first = wait(lm->complete(request)).text();
    for (int turn = 0; turn < 5; ++turn) {
      request.messages.push_back(Message(Role::assistant, "answer"));
      request.messages.push_back(Message(Role::user, std::format("turn {}", turn)));
      CHECK(wait(lm->complete(request)).text() == first);
    }
  }
}

TEST_CASE("Where an LM is added, only prompts that become its own move") {
  FakeClock clock;
  const auto three = over({"a", "b", "c"}, clock), four = over({"a", "b", "c", "d"}, clock);
  int moved = 0;
  for (int program = 0; program < 400; ++program) {
    const auto before = wait(three->complete(prompt(program, 0))).text();
    const auto after = wait(four->complete(prompt(program, 0))).text();
    if (after == before) continue;
    ++moved;
    CHECK(after == "d");
  }
  CHECK(moved > 50);
  CHECK(moved < 150);
}

TEST_CASE("An LM gets prompts by its weight") {
  FakeClock clock;
  const auto lm = affine_router({{.lm = named("a"), .weight = 3}, {.lm = named("b")}}, {}, {}, fake_timing(clock));
  int first = 0;
  for (int program = 0; program < 1'000; ++program)
    first += wait(lm->complete(prompt(program, 0))).text() == "a" ? 1 : 0;
  CHECK(first > 690);
  CHECK(first < 810);
}

TEST_CASE("Where the LM of a prompt cannot answer, another one does") {
  FakeClock clock;
  int asked = 0;
  const auto down = numbered([&asked](int) -> std::string {
    ++asked;
    throw Error(Errc::unavailable, "it is down");
  });
  const auto long_ones = named("long");
  const auto too_long = std::make_shared<ScriptedLM>(
      [](const Request&) -> std::string { throw Error(Errc::context_too_long, "too long"); });
  const auto lm = affine_router({{.lm = down}, {.lm = named("b")}}, {}, {}, fake_timing(clock));
  const auto limited = affine_router({{.lm = too_long}, {.lm = long_ones, .use = Route::Use::context_too_long}}, {}, {},
                                     fake_timing(clock));

  for (int program = 0; program < 20; ++program) CHECK(wait(lm->complete(prompt(program, 0))).text() == "b");
  CHECK(asked > 0);
  CHECK(wait(limited->complete(prompt(1, 0))).text() == "long");
}

TEST_CASE("Options of affinity that cannot be meant are errors") {
  FakeClock clock;
  CHECK_THROWS_WITH_AS(over({"a"}, clock, {.prefix_bytes = 0}), doctest::Contains("prefix_bytes"), Error);
  CHECK_THROWS_AS(over({}, clock), Error);
  CHECK_THROWS_AS(affine_router({{.lm = nullptr}}), Error);
  CHECK_THROWS_AS(affine_router({{.lm = named("a"), .use = Route::Use::refused}}), Error);
}
