#include "dspy/base/json.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

using namespace dspy;

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

TEST_CASE("parse_json refuses a number too large for a double, and says where it ends") {
  const auto value = parse_json(R"(["\"9e999", 1e308, {"a": -1e400}])");

  REQUIRE_FALSE(value);
  CHECK(value.error().message == "a number too large for a double");
  CHECK(value.error().position == 31);
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
      {std::nan(""), "null"},
      {std::numeric_limits<double>::infinity(), "null"},
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
  CHECK(repeated_member(R"({"a":1,"a":1})")->message == "the member \"a\" stands there twice");
}
