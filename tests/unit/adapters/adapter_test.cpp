#include "dspy/adapters/adapter.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("An unknown adapter is an error that lists those there are") {
  struct Case {
    std::string_view name;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {"feild", "there is no adapter `feild`; did you mean `field`?"},
      {"xyz", "there is no adapter `xyz`; use one of: `chat`, `field`, `json`, `two_step` or `xml`"},
      {"", "there is no adapter ``; use one of: `chat`, `field`, `json`, `two_step` or `xml`"},
      {"chat@dspy-2.6", "the adapter `chat` has no profile `dspy-2.6`; use one of: `dspy-3.3` or `dspy-3.4`"},
      {"chat@", "the adapter `chat` has no profile ``; use one of: `dspy-3.3` or `dspy-3.4`"},
      {"json@dspy-3.5", "the adapter `json` has no profile `dspy-3.5`; use one of: `dspy-3.3` or `dspy-3.4`"},
      {"xml@dspy-3.6", "the adapter `xml` has no profile `dspy-3.6`; use one of: `dspy-3.3`, `dspy-3.4` or `dspy-3.5`"},
      {"caht@dspy-3.3",
       "there is no adapter `caht@dspy-3.3`; use one of: `chat`, `field`, `json`, `two_step` or `xml`"},
      {"field@dspy-3.3", "the adapter `field` has no profiles; write `field` alone"},
      {"\xFF", "there is no adapter `(not UTF-8)`; use one of: `chat`, `field`, `json`, `two_step` or `xml`"},
  };
  for (const auto& [name, message] : cases) {
    CAPTURE(name);
    const auto result = attempt([&] { return adapter(name); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::config_error);
    CHECK(std::string_view(result.error().what()) == message);
  }
}

TEST_CASE("An adapter's name says its profile, unless it is the newest one") {
  for (const std::string name : {"chat", "json", "xml"}) {
    CAPTURE(name);
    CHECK(adapter(name)->name() == name);
    CHECK(adapter(name + "@dspy-3.4")->name() == name);
    CHECK(adapter(name + "@dspy-3.3")->name() == name + "@dspy-3.3");
  }
}

TEST_CASE("Earlier turns end with the request since DSPy 3.4, and are in one place") {
  const auto signature = Signature::parse("q, h: History -> a");
  const std::vector<Example> history = {Example({{"q", "1?"}, {"a", "one"}}, signature)};
  const JsonObject plain = {{"q", "2?"}, {"h", JsonObject{{"messages", JsonArray()}}}};
  const JsonObject both = {{"q", "2?"}, {"h", JsonObject{{"messages", {JsonObject{{"q", "0?"}, {"a", "none"}}}}}}};
  for (const auto* const name : {"chat", "json", "xml"}) {
    CAPTURE(name);
    const auto request = [&](const Chat& chat, std::size_t back) {
      return chat[chat.size() - back].text().contains("Reply ");
    };

    const auto old =
        adapter(std::string(name) + "@dspy-3.3")->format({.signature = signature, .history = history, .inputs = plain});
    const auto now = adapter(name)->format({.signature = signature, .history = history, .inputs = plain});

    CHECK_FALSE(request(old, 3));
    CHECK(request(old, 1));
    CHECK(request(now, 3));
    CHECK(request(now, 1));
  }
  for (const auto* const name : {"field", "chat", "json", "xml", "two_step"}) {
    CAPTURE(name);
    const Question question{.signature = signature, .history = history, .inputs = both};
    CHECK_THROWS_WITH_AS(adapter(name)->format(question), doctest::Contains("give them in one place"), Error);
  }
}

TEST_CASE("An unreadable reply becomes an error that carries everything") {
  const Unreadable unreadable{.missing = {"a"},
                              .invalid = {{.field = "b",
                                           .reason = "`x` is not a number",
                                           .violations = {{"b", "type", "x", "is not a number"}}},
                                          {.field = "c", .reason = "`y` is not a list"}},
                              .partial = {{"d", 1}},
                              .raw = "B: x"};

  const auto error = to_error(unreadable);

  CHECK(
      std::string_view(error.what()) ==
      "the reply lacks the field `a`; the field `b` cannot be read: `x` is not a number; the field `c` cannot be read: "
      "`y` is not a list; the model replied \"B: x\"");
  CHECK(to_text(to_json(error)) == R"({"kind":"parse_error","missing":["a"],"invalid":["b","c"],"message":)" +
                                       to_text(Json(error.what())) +
                                       R"(,"partial":{"d":1},"violations":[)"
                                       R"({"path":"a","rule":"missing","value":null,"message":"is missing"},)"
                                       R"({"path":"b","rule":"type","value":"x","message":"is not a number"}]})");
}

TEST_CASE("Prompts do not mention the ends of C++'s integers of 32 and 64 bits") {
  struct Case {
    std::string_view typed;
    std::string_view plain;
  };
  const std::vector<Case> cases = {
      {"q -> a: Annotated[int, Field(ge=-2147483648, le=2147483647)]", "q -> a: int"},
      {"q -> a: Annotated[int, Field(ge=0, le=4294967295)]", "q -> a: Annotated[int, Field(ge=0)]"},
      {"q -> a: list[Annotated[int, Field(ge=-2147483648, le=2147483647)]]", "q -> a: list[int]"},
      {"q -> a: Line{n: Annotated[int, Field(ge=1, le=2147483647)]}", "q -> a: Line{n: Annotated[int, Field(ge=1)]}"},
  };
  for (const auto* const name : {"field", "chat", "json", "xml", "two_step"}) {
    for (const auto& [typed, plain] : cases) {
      CAPTURE(name);
      CAPTURE(typed);
      const JsonObject inputs = {{"q", "?"}};
      const auto prompt = [&](std::string_view notation) {
        const auto signature = Signature::parse(notation);
        return adapter(name)->format({.signature = signature, .inputs = inputs});
      };
      CHECK(prompt(typed) == prompt(plain));
    }
  }
}
