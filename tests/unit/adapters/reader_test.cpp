#include "dspy/adapters/field_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

Signature qa() {
  return Signature::parse("question -> answer");
}

}  // namespace

TEST_CASE("Reading leaves no state behind") {
  const FieldAdapter adapter;
  const auto signature = Signature::parse("q -> a, b: Optional[str]");

  const auto first = adapter.parse(signature, "A: 1\nB: 2");
  const auto broken = adapter.parse(signature, "");
  const auto second = adapter.parse(signature, "A: 3");

  CHECK(first->outputs == JsonObject{{"a", "1"}, {"b", "2"}});
  CHECK_FALSE(broken.has_value());
  CHECK(second->outputs == JsonObject{{"a", "3"}, {"b", nullptr}});
}

TEST_CASE("A reply that cannot be read keeps its text and says what is wrong in one sentence") {
  const auto signature = Signature::parse("q -> a, b: int, c");

  const auto reading = FieldAdapter().parse(signature, "B: many\nlines");

  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().raw == "B: many\nlines");
  CHECK(reading.error().message() ==
        "the reply lacks the fields `a` and `c`; the field `b` cannot be read: `many lines` is not a whole number; the "
        "model "
        "replied \"B: many lines\"");
  const auto error = to_error(reading.error());
  CHECK(error.code() == Errc::parse_error);
  CHECK(std::string_view(error.what()) == reading.error().message());
  CHECK(error.info().missing == std::vector<std::string>{"a", "c"});
  CHECK(error.info().invalid == std::vector<std::string>{"b"});
  CHECK(error.info().raw == "B: many\nlines");
  CHECK(FieldAdapter().parse(qa(), " ").error().message() ==
        "the reply lacks the field `answer`; the model's reply was empty");
}

TEST_CASE("What breaks a JSON object is told, and where") {
  const auto reading = JsonAdapter().parse(Signature::parse("q -> a, b"), R"(Here: {"a": "x" and "b": 2})");

  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().missing == std::vector<std::string>{"a", "b"});
  CHECK(reading.error().complaint() ==
        "the reply lacks the fields `a` and `b`: its JSON object cannot be read: expected `,` or `}` at byte 16");
  CHECK(FieldAdapter().parse(Signature::parse("q -> a, b"), "A: 1").error().cause.empty());
}

TEST_CASE("Messages quote a long reply by its start, cut between characters") {
  std::string reply = "x";
  for (int i = 0; i < 200; ++i) reply += "é";
  const auto reading = FieldAdapter().parse(Signature::parse("q -> a, b"), reply);

  const auto message = reading.error().message();

  CHECK(message.size() < 300);
  CHECK(message.ends_with("é…\""));
  CHECK(reading.error().raw == reply);
}

TEST_CASE("A very long value is read whole") {
  const std::string text(3'000'000, 'x');

  CHECK(FieldAdapter().parse(qa(), "Answer: " + text)->outputs.at("answer") == Json(text));
  CHECK(FieldAdapter().parse(qa(), text)->outputs.at("answer") == Json(text));
  CHECK(FieldAdapter().parse(qa(), "{\"answer\": \"" + text + "\"}")->outputs.at("answer") == Json(text));
}

TEST_CASE("What is wrong with a reply is told part by part: place, rule, value and words") {
  struct Case {
    std::string_view signature;
    std::string_view adapter;
    std::string_view reply;
    Violations violations;
  };
  const Json none;
  const std::vector<Case> cases = {
      {"q -> n: int", "field", "N: many", {{"n", "type", "many", "is not a whole number"}}},
      {"q -> n: int, b", "field", "N: 4", {{"b", "missing", none, "is missing"}}},
      {"q -> n: Annotated[int, Field(le=10)]", "field", "N: 12", {{"n", "le", 12, "is 12, above the maximum 10"}}},
      {"q -> n: list[Annotated[int, Field(ge=0)]]",
       "field",
       "N: 1, -2, -3",
       {{"n[1]", "ge", -2, "is -2, below the minimum 0"}, {"n[2]", "ge", -3, "is -3, below the minimum 0"}}},
      {"q -> n: list[int]", "field", "N:\n- 1\n- two words", {{"n[1]", "type", "two words", "is not a whole number"}}},
      {"q -> n: list[int]", "json", R"({"n": [1, "x", 3]})", {{"n[1]", "type", "x", "is not a whole number"}}},
      {"q -> n: list[int]", "field", "N: [1, [2], 3]", {{"n[1]", "type", none, "is not a whole number"}}},
      {"q -> n: dict[str, float]", "json", R"({"n": {"a b": "x"}})", {{"n[\"a b\"]", "type", "x", "is not a number"}}},
      {"q -> n: tuple[int, bool]",
       "json",
       R"({"n": [1, "maybe"]})",
       {{"n[1]", "type", "maybe", "is neither true nor false"}}},
      {"q -> order: Order{lines: list[Line{price: float}]}",
       "json",
       R"({"order": {"lines": [{"price": "free"}]}})",
       {{"order.lines[0].price", "type", "free", "is not a number"}}},
      {"q -> order: Order{lines: list[Line{price: float}]}",
       "xml",
       "<order><lines><item><price>free</price></item></lines></order>",
       {{"order.lines[0].price", "type", "free", "is not a number"}}},
      {"q -> order: Order{size: int, name}",
       "json",
       R"({"order": {"size": 1}})",
       {{"order.name", "missing", none, "is missing"}}},
      {"q -> n: int | bool", "field", "N: many", {{"n", "union", "many", "is none of Union[int, bool]"}}},
      {"q -> n: list[int]", "json", R"({"n": true})", {{"n", "type", true, "is not a list"}}},
      {"q -> n: int", "json", R"({"n": 2.5})", {{"n", "type", 2.5, "is 2.5, not an integer"}}},
      {"q -> n: Literal['a', 'b']", "chat", "[[ ## n ## ]]\nc", {{"n", "type", "c", "is not one of: a or b"}}},
  };
  for (const auto& [signature, name, reply, violations] : cases) {
    CAPTURE(signature);
    CAPTURE(reply);
    const auto reading = adapter(name)->parse(Signature::parse(signature), reply);
    REQUIRE_FALSE(reading);
    CHECK(to_text(Json(to_json(reading.error().violations()))) == to_text(Json(to_json(violations))));
    CHECK(to_error(reading.error()).info().violations == violations);
  }
}
