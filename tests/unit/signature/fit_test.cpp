#include "dspy/base/error.hpp"
#include "dspy/signature/field.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace dspy;

namespace {

Json json(std::string_view text) {
  auto value = parse_json(text);
  REQUIRE(value);
  return *std::move(value);
}

constexpr std::string_view node = "Node{value: int, next: Optional[Node]}";

}  // namespace

TEST_CASE("Values of every kind fit, respelled where another spelling means the same") {
  struct Case {
    std::string_view type;
    std::string_view value;
    std::string_view fitted;
  };
  const std::vector<Case> cases = {
      {"None", "null", "null"},
      {"Any", R"({"a":[1,"x",null]})", R"({"a":[1,"x",null]})"},
      {"tuple[int, str]", R"([1.0,"x"])", R"([1,"x"])"},
      {"tuple[()]", "[]", "[]"},
      {"set[int]", "[3,1]", "[3,1]"},
      {"int | str", "3", "3"},
      {"str | float", "3", "3.0"},
      {"float | int", "3", "3"},
      {"Optional[int | str]", "null", "null"},
      {"A{x: int} | B{x: int, y: int}", R"({"x":1,"y":2})", R"({"x":1,"y":2})"},
      {"A{x: int, z: Optional[int]} | B{x: int}", R"({"x":1})", R"({"x":1})"},
      {"{name: str, age: Optional[int]}", R"({"name":"x"})", R"({"name":"x","age":null})"},
      {"{n: Annotated[int, Field(default=3)]}", "{}", R"({"n":3})"},
      {"{n: int, **: float}", R"({"n":1,"x":2})", R"({"n":1,"x":2.0})"},
      {node, R"({"value":1,"next":{"value":2.0,"next":null}})", R"({"value":1,"next":{"value":2,"next":null}})"},
      {"date", R"("2024-02-29")", R"("2024-02-29")"},
      {"datetime", R"("2024-02-29 12:00:00.25+01:00")", R"("2024-02-29T12:00:00.25+01:00")"},
      {"datetime", R"("2024-02-29T12:00")", R"("2024-02-29T12:00")"},
      {"time", R"("06:48")", R"("06:48")"},
      {"time", R"("23:59:59.999999999-05:30")", R"("23:59:59.999999999-05:30")"},
      {"time", R"("06:48:00Z")", R"("06:48:00Z")"},
      {"timedelta", R"("-P1DT2H0.5S")", R"("-P1DT2H0.5S")"},
      {"timedelta", "5400", R"("PT1H30M")"},
      {"bytes", R"("aGVsbG8=")", R"("aGVsbG8=")"},
      {"Image", R"("https://a.b/c.png")", R"({"url":"https://a.b/c.png"})"},
      {"Image", R"({"path":"c.png"})", R"({"path":"c.png"})"},
      {"Audio", R"({"data":"aGVsbG8=","audio_format":"wav"})", R"({"data":"aGVsbG8=","audio_format":"wav"})"},
      {"File", R"({"file_data":"data:text/plain;base64,aGVsbG8=","filename":"a"})",
       R"({"url":"data:text/plain;base64,aGVsbG8=","filename":"a"})"},
      {"History", R"([{"question":"x"}])", R"({"messages":[{"question":"x"}]})"},
      {"Code['python']", R"({"code":"x = 1"})", R"("x = 1")"},
      {"Reasoning", R"("because")", R"("because")"},
      {"Document", R"("text")", R"({"data":"text"})"},
      {"ToolCalls", R"({"name":"f","args":{}})", R"({"tool_calls":[{"name":"f","args":{}}]})"},
      {"ToolCalls", R"([{"id":"1","function":{"name":"f","arguments":"{\"x\":1}"}}])",
       R"({"tool_calls":[{"id":"1","name":"f","args":{"x":1}}]})"},
      {"Tool", R"({"name":"f"})", R"({"name":"f","args":{}})"},
  };
  for (const auto& [type, value, fitted] : cases) {
    CAPTURE(type);
    CAPTURE(value);
    const auto result = fit(Type::parse(type), json(value));
    if (!result) FAIL_CHECK(to_sentence(result.error()));
    if (result) CHECK(to_text(*result) == fitted);
  }
}

TEST_CASE("A violation names the place, the rule and the value") {
  struct Case {
    std::string_view type;
    std::string_view value;
    std::string_view path;
    std::string_view rule;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {"None", "0", "", "type", "is an integer, not null"},
      {"tuple[int, str]", "[1]", "", "type", "has 1 item, not 2"},
      {"tuple[int, str]", "[1,2]", "[1]", "type", "is an integer, not a string"},
      {"set[int]", "[1,2,1]", "[2]", "unique_items", "stands there already"},
      {"int | str", "true", "", "union", "is a boolean, which fits none of `int` or `str`"},
      {"int | P{x: int}", R"({"x":"a"})", "x", "type", "is a string, not an integer"},
      {"{a: {b: list[int]}}", R"({"a":{"b":[1,"x"]}})", "a.b[1]", "type", "is a string, not an integer"},
      {"P{a: int}", R"({})", "a", "missing", "is missing"},
      {"P{a: int}", R"({"a":1,"odd key":2})", "[\"odd key\"]", "unknown", "is not a member of `P`"},
      {node, R"({"value":1,"next":{"value":"x"}})", "next.value", "type", "is a string, not an integer"},
      {"date", R"("2023-02-29")", "", "type", "is `2023-02-29`, not a date such as `2026-11-21`"},
      {"datetime", R"("2024-02-29T24:00:00Z")", "", "type",
       "is `2024-02-29T24:00:00Z`, not a date and time such as `2026-11-21T06:48:00Z`"},
      {"time", R"("6:48")", "", "type", "is `6:48`, not a time of day such as `06:48:00`"},
      {"time", R"("24:00:00")", "", "type", "is `24:00:00`, not a time of day such as `06:48:00`"},
      {"time", R"("06:48:00+24:00")", "", "type", "is `06:48:00+24:00`, not a time of day such as `06:48:00`"},
      {"time", R"("2026-11-21T06:48:00")", "", "type",
       "is `2026-11-21T06:48:00`, not a time of day such as `06:48:00`"},
      {"time", "24480", "", "type", "is an integer, not a time of day"},
      {"timedelta", R"("P1Y")", "", "type", "is `P1Y`, not a duration such as `PT1H30M`"},
      {"bytes", R"("aGVsbG8")", "", "type", "is `aGVsbG8`, not base64 text"},
      {"Image", R"({"url":"a","path":"b"})", "", "type", "has several contents, `url` and `path`; keep one"},
      {"Image", R"({})", "", "type", "has no content; give one of `url`, `path` or `data`"},
      {"Image", R"("c.png")", "", "type", "is a string, not an object"},
      {"ToolCalls", R"([{"args":{}}])", "tool_calls[0].name", "missing", "is missing"},
      {"Annotated[int, Field(gt=3)]", "3", "", "gt", "is 3, not above 3"},
      {"Annotated[int, Field(ge=3)]", "2", "", "ge", "is 2, below the minimum 3"},
      {"Annotated[float, Field(lt=0.5)]", "0.5", "", "lt", "is 0.5, not below 0.5"},
      {"list[Annotated[float, Field(le=0.5)]]", "[0,1]", "[1]", "le", "is 1, above the maximum 0.5"},
      {"Annotated[int, Field(le=9007199254740992)]", "9007199254740993", "", "le",
       "is 9007199254740993, above the maximum 9007199254740992"},
      {"Annotated[float, Field(multiple_of=0.1)]", "0.35", "", "multiple_of", "is 0.35, not a multiple of 0.1"},
      {"Annotated[bytes, Field(max_length=4)]", R"("aGVsbG8=")", "", "max_length", "has 5 bytes, above the maximum 4"},
      {"dict[str, Annotated[str, Field(min_length=2)]]", R"({"k":"x"})", "k", "min_length",
       "has 1 character, below the minimum 2"},
      {"Annotated[float, Field(one_of=[0.5, 1.0])]", "0.25", "", "one_of", "is `0.25`, not one of `0.5` or `1.0`"},
  };
  for (const auto& [type, value, path, rule, message] : cases) {
    CAPTURE(type);
    CAPTURE(value);
    const auto result = fit(Type::parse(type), json(value));
    REQUIRE_FALSE(result);
    CHECK(result.error()[0].path == path);
    CHECK(result.error()[0].rule == rule);
    CHECK(result.error()[0].message == message);
  }
}

TEST_CASE("A value's violations are told together, twenty at most") {
  const auto two = fit(Type::parse("{a: int, b: int, c: int}"), json(R"({"a":"x","b":1})"));
  REQUIRE_FALSE(two);
  CHECK(to_sentence(two.error()) == "`a` is a string, not an integer; `c` is missing");
  CHECK(two.error()[0].value == Json("x"));

  const auto many = fit(Type::parse("list[int]"), JsonArray(100'000, Json("x")));
  REQUIRE_FALSE(many);
  CHECK(many.error().size() == 20);
}

TEST_CASE("Paths begin with the field's name, and validators name themselves") {
  auto field = make_field("numbers", Type::parse("list[int]"));
  field.validators.push_back({"even_count", [](const Json& value) -> std::optional<std::string> {
                                if (value.as_array().size() % 2 == 0) return std::nullopt;
                                return "has an odd number of items";
                              }});

  CHECK(fit(field, JsonArray{1, 2}));
  CHECK(fit(field, JsonArray{1}).error() ==
        Violations{{"numbers", "even_count", nullptr, "has an odd number of items"}});
  CHECK(fit(field, JsonArray{"x"}).error()[0].path == "numbers[0]");
}

TEST_CASE("Hostile values end in an error") {
  Json deep = nullptr;
  for (int i = 0; i < 5000; ++i) {
    JsonArray outer;
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }
  const auto nested = fit(Type::any(), std::move(deep));
  REQUIRE_FALSE(nested);
  CHECK(nested.error()[0].rule == "depth");

  // Each level can only be told apart at the very bottom.
  const auto twin = Type::parse("T{v: Union[A{n: Optional[T]}, B{n: Optional[T], z: Optional[int]}]}");
  Json value = nullptr;
  for (int i = 0; i < 60; ++i) value = JsonObject{{"v", JsonObject{{"n", std::move(value)}, {"q", 1}}}};
  CHECK_FALSE(fit(twin, value));

  CHECK_FALSE(fit(Type::any(), Json("a\xED\xA0\x80")));
  CHECK_FALSE(fit(Type::any(), Json(std::numeric_limits<double>::infinity())));
  CHECK(fit(Type::number({.allow_inf_nan = true}), Json(std::numeric_limits<double>::infinity())));
  CHECK(fit(Type::string(), Json(std::string_view("a\0b", 3))));
}

TEST_CASE("Types that contradict themselves are refused") {
  struct Case {
    std::string_view type;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {"N{value: int, next: N}", "the recursive type `N`, whose values never end"},
      {"N{next: Annotated[list[N], Field(min_length=1)]}", "the recursive type `N`"},
      {"N{pair: tuple[int, N]}", "the recursive type `N`"},
      {"N{a: N | M{n: N}}", "the recursive type `N`"},
      {"Annotated[int, Field(gt=1, lt=2)]", "limits that contain no 64-bit integer"},
      {"Annotated[int, Field(ge=7, le=9, multiple_of=5)]", "limits that contain no multiple of 5"},
      {"Annotated[int, Field(gt=9223372036854775807)]", "contain no 64-bit integer"},
      {"Annotated[float, Field(gt=1, le=1)]", "limits that no value can meet, gt=1 and le=1"},
      {"Annotated[float, Field(multiple_of=0)]", "`multiple_of=0`"},
      {"Annotated[set[bool], Field(min_length=3)]", "wants 3 different items"},
      {"Annotated[str, Field(min_length=3, max_length=2)]", "min_length=3 and max_length=2"},
      {"Annotated[str, Field(ge=3)]", "the limit `ge` does not suit `str`"},
      {"Annotated[float, Field(one_of=[0.5], ge=1)]", "a value in `one_of` that breaks its own limits"},
      {"{n: Annotated[int, Field(default='x')]}", "a default that is a string, not an integer"},
      {"{n: Annotated[int, Field(default=1, ge=2)]}", "a default that is 1, below the minimum 2"},
  };
  for (const auto& [type, message] : cases) {
    CAPTURE(type);
    try {
      Type::parse(type);
      FAIL_CHECK("was read");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::signature_error);
      CAPTURE(error.what());
      CHECK(std::string_view(error.what()).contains(message));
    }
  }
  CHECK_NOTHROW(Type::parse("N{a: int | N}"));
  CHECK_NOTHROW(Type::parse("N{children: list[N]}"));
  CHECK_THROWS_AS(validate(Type::reference("N")), Error);
  CHECK_THROWS_AS(validate(Type::list(Type::reference("N"))), Error);
}
