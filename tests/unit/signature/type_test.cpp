#include "dspy/signature/type.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace dspy;

namespace {

/// Any type of at most that depth.
Type random_type(std::mt19937& random, int depth) {
  const auto pick = [&](std::uint32_t count) { return random() % count; };
  const auto literal = [&] {
    static const std::vector<Json> pool = {"a",    "it's", "\"q\"", "\\",      "new\nline", "",   "€",
                                           "\x01", 0,      -7,      INT64_MIN, true,        false};
    std::vector<Json> choices;
    do choices.push_back(pool[pick(static_cast<std::uint32_t>(pool.size()))]);
    while (pick(3) != 0);
    return Type::literal(std::move(choices));
  };
  switch (pick(depth == 0 ? 5 : 8)) {
    case 0: return Type::string();
    case 1: return Type::integer();
    case 2: return Type::number();
    case 3: return Type::boolean();
    case 4: return literal();
    case 5: return Type::list(random_type(random, depth - 1));
    case 6: {
      const auto keys = pick(3);
      return Type::dict(keys == 0   ? Type::string()
                        : keys == 1 ? Type::integer()
                                    : literal(),
                        random_type(random, depth - 1));
    }
    default: return Type::optional(random_type(random, depth - 1));
  }
}

/// A value of that type, in the spelling that `fit` returns.
Json random_value(std::mt19937& random, const Type& type) {
  switch (type.kind) {
    case Type::Kind::string: return Json(std::string(random() % 4, 'x'));
    case Type::Kind::integer: return static_cast<std::int64_t>(random()) - 1'000'000;
    case Type::Kind::number: return static_cast<double>(random()) / 8;
    case Type::Kind::boolean: return random() % 2 == 0;
    case Type::Kind::literal: return type.choices[random() % type.choices.size()];
    case Type::Kind::optional: return random() % 3 == 0 ? Json(nullptr) : random_value(random, type.arguments[0]);
    case Type::Kind::list: {
      JsonArray items;
      for (auto i = random() % 4; i > 0; --i) items.push_back(random_value(random, type.arguments[0]));
      return items;
    }
    case Type::Kind::dict: {
      JsonObject members;
      for (auto i = random() % 4; i > 0; --i) {
        const auto key = random_value(random, type.arguments[0]);
        const auto name = key.is_string() ? std::string(view(key.get_string())) : to_text(key);
        members[name] = random_value(random, type.arguments[1]);
      }
      return members;
    }
    default: return nullptr;
  }
}

}  // namespace

TEST_CASE("A type built in code equals the one read from its notation") {
  CHECK(Type::parse("str") == Type{});
  CHECK(Type::parse(" Optional[ list[int] ] ") == Type::optional(Type::list(Type::integer())));
  CHECK(Type::parse("dict[str, float]") == Type::dict(Type::string(), Type::number()));
  CHECK(Type::parse("Literal['a', 3, True]") == Type::literal({"a", 3, true}));
  CHECK(Type::parse("bool") == Type::boolean());
  CHECK_FALSE(Type::parse("Literal[1]") == Type::parse("Literal[True]"));
  CHECK_THROWS_WITH_AS(Type::parse("int -> str"), doctest::Contains("second `->` at byte 4"), Error);
  CHECK_THROWS_WITH_AS(Type::parse("int, str"), doctest::Contains("`,` does not belong at byte 3"), Error);
  CHECK_THROWS_WITH_AS(Type::parse(""), doctest::Contains("a type is missing at byte 0"), Error);
}

TEST_CASE("Any type survives its notation, and its values survive fit") {
  std::mt19937 random(20260903);
  for (int round = 0; round < 2000; ++round) {
    const auto type = random_type(random, 4);
    const auto notation = to_notation(type);
    CAPTURE(notation);
    CHECK(Type::parse(notation) == type);

    const auto value = random_value(random, type);
    const auto text = to_text(value);
    CAPTURE(text);
    const auto fitted = fit(type, value);
    REQUIRE(fitted);
    CHECK(to_text(*fitted) == text);
  }
}

TEST_CASE("Type factories refuse what is not a type") {
  CHECK_THROWS_WITH_AS(Type::literal({}), "a literal has no choices; name at least one", Error);
  CHECK_THROWS_WITH_AS(Type::literal({1.5}),
                       "the choice `1.5` of a literal is a number; use strings, 64-bit integers or booleans", Error);
  CHECK_THROWS_AS(Type::literal({nullptr}), Error);
  CHECK_THROWS_AS(Type::literal({std::numeric_limits<std::uint64_t>::max()}), Error);
  CHECK_THROWS_WITH_AS(Type::dict(Type::list(Type::string()), Type::string()),
                       "`list[str]` cannot be the type of a dict's keys; use `str`, `int` or a `Literal`", Error);
  CHECK(Type::optional(Type::optional(Type::integer())) == Type::optional(Type::integer()));
  CHECK(Type::literal({"a", std::uint64_t{3}, "a", 3}) == Type::literal({"a", 3}));
}

TEST_CASE("required looks inside of Optional") {
  CHECK(Type::parse("Optional[int]").required() == Type::integer());
  CHECK(Type::integer().required() == Type::integer());
  CHECK(Type::parse("Optional[int]").is_optional());
  CHECK_FALSE(Type::parse("list[Optional[int]]").is_optional());
}

TEST_CASE("fit accepts values of the type and respells the rest without loss") {
  struct Case {
    std::string_view type;
    Json value;
    std::string_view text;
  };
  const std::vector<Case> cases = {
      {"str", "x", "\"x\""},
      {"str", "", "\"\""},
      {"int", 3, "3"},
      {"int", 3.0, "3"},
      {"int", std::uint64_t{3}, "3"},
      {"int", -9007199254740991.0, "-9007199254740991"},  // the last float that stands for one integer only
      {"float", 3, "3.0"},
      {"float", 2.5, "2.5"},
      {"float", std::uint64_t{1} << 63, "9223372036854775808.0"},
      {"bool", false, "false"},
      {"Literal['a', 3, True]", "a", "\"a\""},
      {"Literal['a', 3, True]", 3.0, "3"},
      {"Literal['a', 3, True]", std::uint64_t{3}, "3"},
      {"Literal['a', 3, True]", true, "true"},
      {"list[float]", JsonArray{1, 2.5}, "[1.0,2.5]"},
      {"list[int]", JsonArray{}, "[]"},
      {"dict[str, int]", JsonObject{{"a", 1.0}}, "{\"a\":1}"},
      {"dict[int, str]", JsonObject{{"-5", "x"}}, "{\"-5\":\"x\"}"},
      {"dict[Literal['k', 2, True], int]", JsonObject{{"k", 1}, {"2", 2}, {"true", 3}}, R"({"k":1,"2":2,"true":3})"},
      {"Optional[int]", nullptr, "null"},
      {"Optional[int]", 4.0, "4"},
  };
  for (const auto& [type, value, text] : cases) {
    CAPTURE(type);
    CAPTURE(text);
    const auto fitted = fit(Type::parse(type), value);
    REQUIRE(fitted);
    CHECK(to_text(*fitted) == text);
  }
}

TEST_CASE("fit says why a value is of another type") {
  struct Case {
    std::string_view type;
    Json value;
    std::string_view reason;
  };
  const std::vector<Case> cases = {
      {"str", 3, "the value is an integer, not a string"},
      {"str", nullptr, "the value is null, not a string"},
      {"str", "a\xFF", "the value is not valid UTF-8 at byte 1"},
      {"int", "3", "the value is a string, not an integer"},
      {"int", 3.5, "the value is 3.5, not an integer"},
      {"int", std::nan(""), "the value is nan, not an integer"},
      {"int", 9223372036854775808.0, "the value is 9223372036854775808, beyond 64 bits"},
      {"int", 9007199254740992.0,
       "the value is 9007199254740992, too large for a float to be exact; write it as an integer"},
      {"int", std::numeric_limits<std::uint64_t>::max(), "the value is 18446744073709551615, beyond 64 bits"},
      {"int", true, "the value is a boolean, not an integer"},
      {"float", "1.5", "the value is a string, not a number"},
      {"float", std::nan(""), "the value is nan, not a finite number"},
      {"bool", 1, "the value is an integer, not a boolean"},
      {"bool", JsonArray{}, "the value is a list, not a boolean"},
      {"Literal['low', 'high']", "Low", "the value is `Low`, not one of `low` or `high`"},
      {"Literal['low']", JsonObject{}, "the value is `{}`, not `low`"},
      {"Literal[1, 2]", "1", "the value is `1`, not one of `1` or `2`"},
      {"Literal[1]", true, "the value is `true`, not `1`"},
      {"list[int]", 3, "the value is an integer, not a list"},
      {"list[int]", JsonArray{1, "x"}, "`[1]` is a string, not an integer"},
      {"list[list[int]]", JsonArray{JsonArray{}, JsonArray{nullptr}}, "`[1][0]` is null, not an integer"},
      {"dict[str, int]", JsonArray{}, "the value is a list, not an object"},
      {"dict[str, int]", JsonObject{{"a", "x"}}, "`a` is a string, not an integer"},
      {"dict[int, int]", JsonObject{{"a", 1}}, "the value has the key `a`, which is not an integer"},
      {"dict[Literal['k'], int]", JsonObject{{"q", 1}}, "the value has the key `q`, which is not `k`"},
      {"dict[str, int]", JsonObject{{"\xFF", 1}}, "the value has a key that is not valid UTF-8 at byte 0"},
      {"Optional[int]", "x", "the value is a string, not an integer"},
  };
  for (const auto& [type, value, reason] : cases) {
    CAPTURE(type);
    const auto fitted = fit(Type::parse(type), value);
    REQUIRE_FALSE(fitted);
    CHECK(to_sentence(fitted.error()) == reason);
  }
}

TEST_CASE("A mismatch stays short however long the value or the choices") {
  std::vector<Json> choices;
  for (int i = 0; i < 1000; ++i) choices.emplace_back("choice " + std::to_string(i));
  const auto long_value = fit(Type::literal({"a"}), Json(std::string(100'000, 'x')));
  const auto long_list = fit(Type::literal(choices), "x");

  REQUIRE_FALSE(long_value);
  CHECK(to_sentence(long_value.error()).size() < 100);
  REQUIRE_FALSE(long_list);
  CHECK(to_sentence(long_list.error()).size() < 400);
  CHECK(to_sentence(long_list.error()).ends_with("`choice 19` or 980 others"));
}

TEST_CASE("A type without limits is the same in all but its limits") {
  const auto type = Type::parse(
      "Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | "
      "P{a: Annotated[str, Field(max_length=3, desc='A.')], b: Annotated[set[float], Field(max_length=2)]}");

  CHECK(to_notation(without_limits(type)) == "Union[list[int], P{a: Annotated[str, Field(desc='A.')], b: set[float]}]");
  CHECK(to_notation(type).contains("ge=0"));
}
