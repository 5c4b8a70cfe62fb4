#include "dspy/base/json.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace dspy;

TEST_CASE("Text that is not Unicode is reported as that") {
  const auto bad_byte = parse_json("{\"q\": \"a\xFF\"}");
  REQUIRE_FALSE(bad_byte.has_value());
  CHECK(bad_byte.error().message == "a byte that is not UTF-8");
  CHECK(bad_byte.error().position == 8);
  for (const std::string_view text : {R"(["\ud800"])", R"(["\uDBFF-"])", R"(["\udc00"])", R"(["\ud800\u0041"])"}) {
    CAPTURE(text);
    const auto half = parse_json(text);
    REQUIRE_FALSE(half.has_value());
    CHECK(half.error().message == "half a surrogate pair");
  }
}

TEST_CASE("JSON text escapes what a string cannot hold, wherever it stands") {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t at = 0; at < 18; ++at) {
      CAPTURE(byte);
      CAPTURE(at);
      std::string text(18, byte == 'x' ? 'y' : 'x');
      text[at] = static_cast<char>(byte);

      const auto written = to_text(Json(text));

      const bool must = byte < 0x20 || byte == '"' || byte == '\\';
      CHECK((written.size() != text.size() + 2) == must);
      if (byte < 0x80) CHECK(parse_json(written) == Json(text));
    }
  }
}

TEST_CASE("parse_json reads what RFC 8259 allows") {
  const auto value = parse_json(R"( {"a": [1, -2, 2.0, true, null], "b": "\u00e9\n"} )");

  REQUIRE(value);
  CHECK(value->at("a").at(0).is_int64());
  CHECK(value->at("a").at(2).is_double());
  CHECK(value->at("a").at(4).is_null());
  CHECK(view(value->at("b").get_string()) == "\xC3\xA9\n");
  CHECK(parse_json("18446744073709551615")->get_uint64() == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("parse_json refuses a number that would become another one, and says where it ends") {
  const auto value = parse_json(R"(["\"9e999", 1e308, {"a": -1e400}])");
  REQUIRE_FALSE(value);
  CHECK(value.error().message == "a number that neither 64 bits nor a float can hold");
  CHECK(value.error().position == 31);

  for (const std::string_view text :
       {"18446744073709551617", "-9223372036854775809", "123456789012345678901234567890", "1.0000000000000000001",
        "0.99999999999999999999", "-3.00000000000000000000001", "1e-400", "9007199254740993.5", "12e999999999999999999",
        "1.5e-99999999999999999999", "10000000000000000000.1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text));
    CHECK_FALSE(parse_json("[1, {\"a\": [2.0, " + std::string(text) + "]}]"));
  }
}

TEST_CASE("parse_json reads a number that a float holds, or nearly does") {
  struct Case {
    std::string_view text;
    Json value;
  };
  const Case cases[] = {
      {"100000000000000000000", 1e20},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
      {"36893488147419103232", 36893488147419103232.0},
      {"1.00", 1.0},
      {"0.000", 0.0},
      {"-0.0e5", -0.0},
      {"0e999", 0.0},
      {"1.50e1", 15.0},
      {"2500e-2", 25.0},
      {"1e300", 1e300},
      {"12345678901234567890.0", 12345678901234567890.0},
      {"0.1000000000000000055511151231257827", 0.1},
      {"3.14159265358979323846264338327950288", 3.141592653589793},
      {"4.9e-324", 4.9e-324},
  };
  for (const auto& [text, value] : cases) {
    CAPTURE(text);
    const auto read = parse_json(text);
    REQUIRE(read);
    CHECK(*read == value);
  }
}

TEST_CASE("parse_json says where a text stops being JSON") {
  struct Case {
    std::string text;
    std::size_t position;
  };
  const std::vector<Case> cases = {
      {"", 0},         {"   ", 3}, {"{\"a\": }", 6}, {"[1, 2", 5},         {"[1,]", 3},
      {"{'a': 1}", 1}, {"nul", 3}, {"\"\xFF\"", 1},  {"\"tab\there\"", 4},
  };
  for (const auto& [text, position] : cases) {
    CAPTURE(text);
    const auto value = parse_json(text);
    REQUIRE_FALSE(value);
    CHECK(value.error().position == position);
    CHECK_FALSE(value.error().message.empty());
  }
}

TEST_CASE("parse_json refuses text after the value") {
  const auto value = parse_json("{\"a\":1} \n x");

  REQUIRE_FALSE(value);
  CHECK(value.error().position == 10);
  CHECK(value.error().message == "text after the JSON value");
  CHECK(parse_json("{\"a\":1} \n"));
}

TEST_CASE("parse_json follows nesting to a depth of 256 and no deeper") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };

  CHECK(parse_json(nested(256)));
  CHECK_FALSE(parse_json(nested(257)));
  CHECK_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST_CASE("to_text keeps integers and floats apart") {
  struct Case {
    Json value;
    std::string_view text;
  };
  const std::vector<Case> cases = {
      {2, "2"},
      {2.0, "2.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {1e300, "1e+300"},
      {std::nan(""), "\"NaN\""},
      {std::numeric_limits<double>::infinity(), "\"Infinity\""},
      {std::numeric_limits<std::int64_t>::min(), "-9223372036854775808"},
      {std::numeric_limits<std::uint64_t>::max(), "18446744073709551615"},
      {true, "true"},
      {nullptr, "null"},
      {"a\"b\\c\n\x01\x7F/\xE2\x82\xAC", "\"a\\\"b\\\\c\\n\\u0001\x7F/\xE2\x82\xAC\""},
      {JsonArray{}, "[]"},
      {JsonObject{}, "{}"},
      {JsonArray{1, "a", JsonArray{}}, "[1,\"a\",[]]"},
      {JsonObject{{"z", 1}, {"a", 2}}, R"({"z":1,"a":2})"},
  };
  for (const auto& [value, text] : cases) {
    CAPTURE(text);
    CHECK(to_text(value) == text);
    std::string longer = "x";
    append_text(longer, value);
    CHECK(longer == "x" + std::string(text));
  }
}

TEST_CASE("Every float reads back as itself") {
  std::mt19937_64 random(20260902);
  for (int round = 0; round < 5000; ++round) {
    const double number = std::bit_cast<double>(random());
    if (!std::isfinite(number)) continue;
    const auto text = to_text(number);
    CAPTURE(text);
    const auto again = parse_json(text);
    REQUIRE(again);
    REQUIRE(again->is_double());
    CHECK(std::bit_cast<std::uint64_t>(again->get_double()) == std::bit_cast<std::uint64_t>(number));
  }
}

TEST_CASE("to_pretty_text lays out one member a line") {
  const Json value = {{"a", {1, {{"b", nullptr}}}}, {"c", JsonArray{}}};

  CHECK(to_pretty_text(value) == R"({
  "a": [
    1,
    {
      "b": null
    }
  ],
  "c": []
})");
  CHECK(parse_json(to_pretty_text(value)) == value);
}

TEST_CASE("A member that stands twice in one object is found, however it is spelt") {
  struct Case {
    std::string_view text;
    std::optional<std::size_t> position;
  };
  const Case cases[] = {
      {R"({"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]})", std::nullopt},
      {R"({"a":"a","b":["a","a"],"c":",\"a\":"})", std::nullopt},
      {R"("text")", std::nullopt},
      {"[]", std::nullopt},
      {R"({"a":1,"a":1})", 7},
      {R"({"a":1, "\u0061" : 2})", 8},
      {R"([1,{"x":{"y":0,"z":{},"y":[]}}])", 22},
      {R"({"a\"b":1,"a\"b":2})", 10},
  };
  for (const auto& each : cases) {
    CAPTURE(each.text);
    const auto problem = repeated_member(each.text);
    CHECK(problem.has_value() == each.position.has_value());
    if (problem && each.position) CHECK(problem->position == *each.position);
  }
  CHECK(repeated_member(R"({"a":1,"a":1})")->message == "the member \"a\" is duplicated");
}
