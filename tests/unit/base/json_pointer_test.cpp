#include "dspy/base/json_pointer.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("A pointer finds a value, and the byte at which it begins in the text") {
  constexpr std::string_view text = R"( { "a" : [ 1 , "x,]}\"" , {"b~/c": {}, "d": -2.5e3} ],
  "\u00e9": null, "": true, "e": [[], {}, false]} )";
  struct Case {
    std::string_view pointer;
    std::string_view begins;
  };
  const Case cases[] = {
      {"", "{ \"a\""},       {"/a", "[ 1"},         {"/a/0", "1 ,"},
      {"/a/1", "\"x,]"},     {"/a/2", "{\"b~/c\""}, {"/a/2/b~0~1c", "{}, \"d\""},
      {"/a/2/d", "-2.5e3}"}, {"/é", "null"},        {"/", "true"},
      {"/e/0", "[], {}"},    {"/e/1", "{}, false"}, {"/e/2", "false]"},
  };
  const auto root = *parse_json(text);
  for (const auto& each : cases) {
    CAPTURE(each.pointer);
    const auto position = position_of(text, each.pointer);
    REQUIRE(position.has_value());
    CHECK(text.substr(*position).starts_with(each.begins));
    REQUIRE(find_at(root, each.pointer) != nullptr);
  }
  CHECK(*find_at(root, "/a/2/d") == Json(-2500.0));
}

TEST_CASE("A pointer to nothing finds nothing") {
  constexpr std::string_view text = R"({"a": [1, {}], "b": "c"})";
  const auto root = *parse_json(text);
  for (const auto* pointer : {"a", "/x", "/a/2", "/a/-", "/a/1/x", "/a/0/x", "/b/c", "/a/99999999999999999999"}) {
    CAPTURE(pointer);
    CHECK(find_at(root, pointer) == nullptr);
    CHECK_FALSE(position_of(text, pointer).has_value());
  }
}

TEST_CASE("Steps are escaped") {
  CHECK(step_into("/a", "b/c~d") == "/a/b~1c~0d");
  CHECK(step_into("", "") == "/");
}
