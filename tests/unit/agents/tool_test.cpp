#include "dspy/agents/command_tool.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;
using namespace std::chrono_literals;

enum class Unit { metres, feet };

struct Search {
  std::string query;
  int limit = 10;
  std::optional<Unit> unit = {};

  static constexpr auto fields = describe(field<&Search::limit>(default_value(10), desc("How many.")));
};

double convert(double amount, const std::string& from, const std::string& to) {
  return from == to ? amount : amount * 2;
}

FunctionTool converter() {
  return {"convert", "Converts money.", convert, args("amount", "from", "to")};
}

TEST_CASE("a function's parameters are the tool's arguments") {
  const auto tool = converter();
  CHECK(tool({{"amount", 2.5}, {"from", "EUR"}, {"to", "USD"}}).value == Json(5.0));
  const auto& schema = tool.definition().parameters;
  CHECK(schema.at("properties").as_object().size() == 3);
  CHECK(schema.at("properties").at("amount").at("type") == "number");
  CHECK(schema.at("required").as_array().size() == 3);
}

TEST_CASE("arguments are read leniently, and get their types") {
  const auto tool = converter();
  CHECK(tool("{'amount': \"3\", 'from': 'EUR', 'to': 'EUR',}").value == Json(3.0));
  CHECK(tool({{"amount", 3}, {"from", "EUR"}, {"to", "EUR"}}).value == Json(3.0));
}

TEST_CASE("what is wrong with arguments is said in words") {
  const auto tool = converter();
  const auto outcome = tool({{"amount", "much"}, {"from", "EUR"}, {"tu", "USD"}});
  CHECK(outcome.is_error);
  CHECK(observation(outcome).contains("`tu` is not an argument"));
  const auto missing = tool({{"amount", "much"}, {"from", "EUR"}});
  CHECK(observation(missing).contains("`amount`"));
  CHECK(observation(missing).contains("`to` is missing"));
  CHECK(tool("nonsense {").is_error);
  CHECK(tool(JsonArray{1, 2}).is_error);
}

TEST_CASE("a struct's members are the arguments, with the notes in its table") {
  const FunctionTool tool("search", "Searches.", [](const Search& search) {
    return search.query + "/" + std::to_string(search.limit) + (search.unit == Unit::feet ? "/feet" : "");
  });
  CHECK(tool({{"query", "fish"}}).value == "fish/10");
  CHECK(tool.definition().parameters.at("properties").at("limit").at("description") == "How many.");
  CHECK(tool({{"query", "fish"}, {"limit", "3"}, {"unit", "feet"}}).value == "fish/3/feet");
  CHECK(tool({{"query", "fish"}, {"unit", "miles"}}).is_error);
  CHECK(tool({{"limit", 3}}).is_error);
}

TEST_CASE("arguments may have defaults and descriptions") {
  const FunctionTool tool(
      "greet", "Greets.", [](const std::string& name, int times) { return name + std::to_string(times); },
      args("name", Argument("times", "How often.", 2)));
  CHECK(tool({{"name", "Ada"}}).value == "Ada2");
  CHECK(tool.definition().parameters.at("properties").at("times").at("description") == "How often.");
}

TEST_CASE("results: nothing, an expected, an outcome, a coroutine") {
  CHECK(FunctionTool("f", "d", [] {})(Json()).value.is_null());
  CHECK(FunctionTool("f", "d", []() -> std::expected<int, std::string> { return 3; })(Json()).value == 3);
  const auto no =
      FunctionTool("f", "d", []() -> std::expected<int, std::string> { return std::unexpected("no"); })(Json());
  CHECK(no.is_error);
  CHECK(no.value == "no");
  CHECK(FunctionTool(
            "f", "d", [](int x) -> Async<std::vector<int>> { co_return std::vector{x, x}; }, args("x"))({{"x", 1}})
            .value == Json(JsonArray{1, 1}));
  CHECK(FunctionTool("f", "d", [](const ToolContext& context) { return context.call_id; })(Json(), {.call_id = "7"})
            .value == "7");
}

TEST_CASE("what a tool throws is for the model to read") {
  const auto outcome = FunctionTool("f", "d", []() -> int { throw std::runtime_error("the disk is full"); })(Json());
  CHECK(outcome.is_error);
  CHECK(observation(outcome) == "`f` failed: the disk is full");
  CHECK(FunctionTool("f", "d", []() -> int { throw 3; })(Json()).is_error);
}

TEST_CASE("a tool that hangs is left behind") {
  const FunctionTool blocking("f", "d", [] { std::this_thread::sleep_for(300ms); }, {.timeout = 20ms});
  CHECK(observation(blocking(Json())).contains("did not end within 0.02 s"));
  const FunctionTool waiting("f", "d",
                             []() -> Async<int> {
                               co_await sleep(10s);
                               co_return 1;
                             },
                             {.timeout = 20ms});
  CHECK(waiting(Json()).is_error);
  const FunctionTool quick("f", "d", []() -> Async<int> { co_return 1; }, {.timeout = 10s});
  CHECK(quick(Json()).value == 1);
}

TEST_CASE("the caller's own limits are errors") {
  std::stop_source stop;
  stop.request_stop();
  const FunctionTool waiting("f", "d", []() -> Async<int> {
    co_await sleep(10s);
    co_return 1;
  });
  ToolContext context;
  context.call.stop = stop.get_token();
  CHECK_THROWS_AS(waiting(Json(), context), Error);
  ToolContext late;
  late.call.deadline = std::chrono::steady_clock::now() + 20ms;
  CHECK_THROWS_AS(waiting(Json(), late), Error);
}

TEST_CASE("only so many calls at once") {
  std::atomic<int> inside = 0, most = 0;
  const FunctionTool tool("f", "d",
                          [&]() -> Async<void> {
                            const int now = ++inside;
                            if (now > most) most = now;
                            co_await sleep(5ms);
                            --inside;
                          },
                          {.max_concurrent = 2});
  std::vector<Async<ToolOutcome>> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(tool.call(Json()));
  const auto outcomes = wait(when_all(std::move(calls)));
  CHECK(outcomes.size() == 8);
  CHECK(most == 2);
}

TEST_CASE("long results are cut in the middle, between characters") {
  const FunctionTool tool("f", "d",
                          [] {
                            std::string text;
                            for (int i = 0; i < 1000; ++i) text += "ä";
                            return text;
                          },
                          {.max_observation = 100});
  const auto outcome = tool(Json());
  CHECK(outcome.left_out > 1800);
  const auto text = observation(outcome);
  CHECK(text.size() < 160);
  CHECK(text.contains("bytes left out"));
}

TEST_CASE("tools from a JSON Schema") {
  const FunctionTool::Function echo = [](JsonObject arguments, ToolContext) -> Async<ToolOutcome> {
    co_return ToolOutcome{.value = arguments};
  };
  const auto schema = parse_json(R"({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1},
      "kind": {"enum": ["a", "b"]}}, "required": ["n"], "additionalProperties": false})");
  const FunctionTool tool({.name = "echo", .description = "Echoes.", .parameters = schema->as_object()}, echo);
  CHECK(tool({{"n", "4"}}).value.at("n") == 4);
  CHECK(tool({{"n", 0}}).is_error);
  CHECK(tool({{"n", 1}, {"kind", "c"}}).is_error);
  CHECK(tool({{"n", 1}, {"more", "c"}}).is_error);
  CHECK_THROWS_AS(FunctionTool({.name = "echo", .description = "d", .parameters = {{"type", "objekt"}}}, echo), Error);
  CHECK_THROWS_AS(
      FunctionTool({.name = "echo", .description = "d", .parameters = {{"$ref", "https://example.org/x"}}}, echo),
      Error);
}

TEST_CASE("names and descriptions are checked") {
  CHECK_THROWS_AS(FunctionTool("two words", "d", [] {}), Error);
  CHECK_THROWS_AS(FunctionTool("", "d", [] {}), Error);
  CHECK_THROWS_AS(FunctionTool("f", " ", [] {}), Error);
}

TEST_CASE("a registry knows its tools, and no others") {
  Tools tools{converter(), {"today", "The date.", [] { return "2026-11-29"; }}};
  CHECK(tools.size() == 2);
  CHECK(wait(tools.call("today", Json())).value == "2026-11-29");
  const auto unknown = wait(tools.call("rm", Json()));
  CHECK(unknown.is_error);
  CHECK(observation(unknown) == "there is no tool `rm`; there are `convert` and `today`");
  CHECK_THROWS_AS(tools.add(converter()), Error);

  Tools all;
  all.add(tools, "bank");
  CHECK(all.find("bank.convert") != nullptr);
  CHECK(all.definitions()[0].name == "bank_convert");
  CHECK(all.find_by_wire_name("bank_convert")->name() == "bank.convert");
  CHECK_THROWS_AS(all.add(converter().renamed("bank_convert")), Error);
  CHECK(all.only({"*.today"}).size() == 1);
  CHECK_THROWS_AS(all.only({"nothing*"}), Error);
}

/// All kinds of arguments in one struct.
struct Everything {
  std::int64_t whole = 0;
  double real = 0;
  bool flag = false;
  std::string text;
  Unit unit = Unit::metres;
  std::vector<std::int64_t> list;
  std::map<std::string, double> table;
  std::optional<std::string> maybe;
  Search nested;
};

std::string random_text(Random& random) {
  static constexpr const char* pieces[] = {"a", "Z",  " ",  "\"", "\\",   "\n", "{",  "]",
                                           "é", "日", "😀", "0",  "null", "'",  "\t", ":"};
  std::string out;
  for (auto left = random.below(12); left > 0; --left) out += pieces[random.below(std::size(pieces))];
  return out;
}

JsonObject random_arguments(Random& random) {
  JsonArray list;
  for (auto left = random.below(5); left > 0; --left)
    list.emplace_back(static_cast<std::int64_t>(random.below(1'000'000)) - 500'000);
  JsonObject table;
  for (auto left = random.below(4); left > 0; --left) table[random_text(random)] = random.uniform() * 1e6 - 5e5;
  JsonObject nested{{"query", random_text(random)}, {"limit", static_cast<std::int64_t>(random.below(100))}};
  nested["unit"] = random.below(2) == 0 ? Json("feet") : Json(nullptr);
  JsonObject out{{"whole", std::bit_cast<std::int64_t>(random())},
                 {"real", random.uniform() * 2e9 - 1e9},
                 {"flag", random.below(2) == 0},
                 {"text", random_text(random)},
                 {"unit", random.below(2) == 0 ? "metres" : "feet"},
                 {"list", std::move(list)},
                 {"table", std::move(table)},
                 {"nested", std::move(nested)}};
  out["maybe"] = random.below(2) == 0 ? Json(random_text(random)) : Json(nullptr);
  return out;
}

TEST_CASE("arguments of all kinds are the same after they were C++ values") {
  const FunctionTool tool("same", "Gives back what it got.", [](const Everything& given) { return given; });
  Random random(17);
  for (int round = 0; round < 2'000; ++round) {
    const auto arguments = random_arguments(random);
    const auto outcome = tool(arguments);
    if (outcome.is_error || outcome.value != Json(arguments)) {
      CAPTURE(to_text(Json(arguments)));
      CAPTURE(to_text(outcome.value));
      CHECK(outcome.value == Json(arguments));
      break;
    }
    // As a model writes them: as text, with the members in another order.
    JsonObject turned;
    for (auto at = arguments.end(); at != arguments.begin();) {
      --at;
      turned[at->key()] = at->value();
    }
    CHECK(tool(Json(to_text(Json(turned)))).value == outcome.value);
  }
}

TEST_CASE("a result of a gigabyte, a crash and a lie about the schema are observations of bounded size") {
  const FunctionTool huge("f", "d", [] { return std::string(std::size_t{1} << 30, 'x'); }, {.max_observation = 1'000});
  const auto cut = huge(Json());
  CHECK(observation(cut).size() < 1'200);
  CHECK(cut.left_out > (std::size_t{1} << 30) - 1'200);

  const auto shell = [](std::string script) {
    return command_tool({.name = "f", .description = "d"}, {"/bin/sh", "-c", std::move(script)}, {.timeout = 20s});
  };
  const auto crashed = shell("kill -SEGV $$")(Json());
  CHECK(crashed.is_error);
  CHECK(observation(crashed).contains("was ended by signal 11"));
  const auto flood = shell("exec yes")(Json());  // it would never end
  CHECK(flood.is_error);
  CHECK(observation(flood).contains("wrote more than"));
  CHECK(observation(shell("echo no >&2; exit 3")(Json())).contains("exit code 3"));
  // It reads nothing of what it gets, and says what is not JSON.
  CHECK(shell("echo '{half'")({{"x", std::string(200'000, 'y')}}).value == "{half");
  const auto hanging =
      command_tool({.name = "f", .description = "d"}, {"/bin/sh", "-c", "sleep 60"}, {.timeout = 50ms});
  CHECK(hanging(Json()).is_error);

  // The schema says that `n` is a number; the function wants what it does not promise.
  const FunctionTool liar({.name = "f",
                           .description = "d",
                           .parameters = {{"type", "object"}, {"properties", {{"n", {{"type", "number"}}}}}}},
                          [](JsonObject given, ToolContext) -> Async<ToolOutcome> {
                            co_return ToolOutcome{.value = given.at("other").as_string()};
                          });
  const auto lied = liar({{"n", 1}});
  CHECK(lied.is_error);
  CHECK(observation(lied).starts_with("`f` failed: "));
}

TEST_CASE("wildcards") {
  CHECK(matches_wildcard("book_*", "book_hotel"));
  CHECK(matches_wildcard("*", ""));
  CHECK(matches_wildcard("a*b*c", "axxbxbc"));
  CHECK_FALSE(matches_wildcard("a*b", "axc"));
  CHECK_FALSE(matches_wildcard("", "a"));
}

}  // namespace
