// Replies that were written to hurt: nothing crashes, and time and memory stay linear.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/text.hpp"
#include "every.hpp"
#include "streamed.hpp"
#include "support/thinning.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

struct Case {
  std::string_view name;
  std::string_view start;
  std::string_view repeated;
  std::string_view end;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"lists", "Items: ", "[", ""},
      {"objects", "", "{", ""},
      {"nested objects", "", "{\"x\":", ""},
      {"nested objects with fields", "", "{\"items\":", ""},
      {"objects that fail late", "", "{\"x\":1,\"y\":{},", "!"},
      {"string starts", "", "{\"x\":\"", ""},
      {"single quotes", "", "{'x':'", ""},
      {"comments", "", "{//", ""},
      {"labels", "", "Items:\n", ""},
      {"two labels in turn", "", "Items:\nNote:\n", "x"},
      {"repeated labels", "Items: 1\n", "Items: 2\n", ""},
      {"input labels", "", "Question: x\n", ""},
      {"fences", "Note: ", "```\n", ""},
      {"fences with words", "Note: ", "```x\n", ""},
      {"ticks", "Note: ", "`", ""},
      {"backslashes", "Note: x\n", "\\", "Items: 1"},
      {"slashed lines", "Note: x\n", "\\Note: x\n", ""},
      {"separators", "", "i_-_-_-_-", ""},
      {"bullets", "Items:\n", "- ", ""},
      {"bullet lines", "Items:\n", "- x\n", ""},
      {"commas", "Items: ", "1,", ""},
      {"blanks", "", " ", ""},
      {"line ends", "Note: x", "\n", "x"},
      {"emphasis", "", "*", "Note: x"},
      {"quotes", "Items: ", "\"", ""},
      {"thoughts", "", "<think>", ""},
      {"zero bytes", "", std::string_view("\0", 1), ""},
      {"broken bytes", "", "\xFF\xE2\x82", ""},
      {"surrogates", "{\"note\": \"", "\\ud83d", "\"}"},
      {"marker starts", "", "[[ ## ", ""},
      {"marker starts in a section", "[[ ## note ## ]]\n", "[[ ## no", ""},
      {"empty markers", "", "[[ ## note ## ]]\n", ""},
      {"markers in turn", "", "[[ ## note ## ]]x[[ ## items ## ]]", ""},
      {"unknown markers", "[[ ## note ## ]]\nx\n", "[[ ## other ## ]]\n", ""},
      {"ends", "", "[[ ## completed ## ]]", ""},
      {"escaped markers", "[[ ## note ## ]]\n", "[\\[ ## note ## ]]", ""},
      {"tag starts", "", "<", ""},
      {"opening tags", "", "<note>", ""},
      {"opening tags in turn", "", "<note><items>", ""},
      {"closing tags", "<note>", "</items>", ""},
      {"closed tags", "", "<note></note>", ""},
      {"input tags", "", "<question>", ""},
      {"items", "<items>", "<item>", ""},
      {"closed items", "<items>", "<item></item>", "</items>"},
      {"entities", "<note>", "&amp;", "</note>"},
      {"entity starts", "<note>", "&", "</note>"},
      {"attributes", "", "<note a=\"", ""},
      {"elements of a list", "", "<items>1</items>", ""},
      {"elements of a list with blanks", "", "<items>1</items>\n\n", "<items>"},
      {"elements of a list that open", "<items>", "</items><items>x", ""},
      {"elements of lists in an object", "<order>", "<lines><n>1</n></lines>", "</order>"},
      {"elements of lists in an object that open", "<order>", "<lines><n>", ""},
      {"elements of lists in an object that close", "<order>", "<lines><n>1", "</n></lines></order>"},
      {"elements within themselves", "<tree>", "<kids><item>", ""},
      {"elements within themselves that close", "<tree>", "<kids><item></item></kids>", "</tree>"},
      {"elements of the section's own name", "", "<tree>", ""},
      {"numbers too long", "{\"tree\": [", "1.00000000000000000001, ", "]}"},
      {"digits", "Items: ", "9", ""},
      {"braces in text", "Order: x ", "{", ""},
      {"objects in text", "Order: x ", "{\"note\": 1} ", ""},
      {"nested objects in text", "<order>x ", "{\"note\":", "</order>"},
      {"quoted braces in text", "[[ ## order ## ]]\nx {\"", "{\\\"", ""},
  };
  return all;
}

std::string reply_of(const Case& data, std::size_t size) {
  std::string reply(data.start);
  while (reply.size() < size) reply += data.repeated;
  return reply.append(data.end);
}

const Signature& signature() {
  static const auto value = Signature::parse("question -> items: list[list[int]], note: Optional[str]");
  return value;
}

/// Whose values are looked for in text, and in elements of their own.
const Signature& object_signature() {
  static const auto value = Signature::parse(
      "question -> order: Order{lines: list[Line{n: int}], note: str}, counts: Optional[dict[str, list[int]]], "
      "items: Optional[list[str]]");
  return value;
}

/// Whose values hold others of their type.
const Signature& tree_signature() {
  static const auto value = Signature::parse(
      "question -> tree: Tree{n: Optional[int], kids: list[Tree], tree: Tree | str | None}, items: "
      "Optional[list[str]]");
  return value;
}

}  // namespace

// Where time grew with the square of the size, the test runner's time limit would end these tests.

constexpr std::size_t hostile_size = test::thinning == 1 ? 1'000'000 : 30'000;

TEST_CASE("A hostile megabyte is read in linear time and never crashes") {
  for (const auto& each : test::every_adapter) {
    for (const auto& data : cases()) {
      for (const auto* const asked : {&signature(), &object_signature(), &tree_signature()}) {
        CAPTURE(each.name);
        CAPTURE(data.name);
        const auto reply = reply_of(data, hostile_size);

        const auto reading = each.make()->parse(*asked, reply);

        if (reading) {
          CHECK(reading->outputs.size() == asked->outputs.size());
        } else {
          CHECK_FALSE(reading.error().complaint().empty());
          CHECK(reading.error().message().size() < 2000);
          CHECK_FALSE(text::invalid_utf8(reading.error().message()).has_value());
        }
      }
    }
  }
}

TEST_CASE("Elements nested a hundred thousand deep are refused by name") {
  std::string reply = "<tree>";
  for (int i = 0; i < 100'000; ++i) reply += "<kids><item>";
  for (int i = 0; i < 100'000; ++i) reply += "</item></kids>";

  const auto reading = adapter("xml")->parse(tree_signature(), reply + "</tree>");

  REQUIRE_FALSE(reading.has_value());
  CHECK(reading.error().complaint().contains("elements are nested more than 128 deep"));
}

TEST_CASE("Unions that hold each other are told apart, or that is given up in time") {
  const auto signature =
      Signature::parse("question -> a: A{x: A | B{x: A | B | None, y: int} | C{x: A | C | None, z: int} | None}");
  for (const int depth : {3, 60}) {
    CAPTURE(depth);
    std::string value = "null";
    for (int i = 0; i < depth; ++i) value = (i % 2 == 0 ? "{\"y\": \"1\", \"x\": " : "{\"x\": ") + value + "}";

    const auto reading = adapter("json")->parse(signature, "{\"a\": {\"x\": " + value + "}}");

    CHECK(reading.has_value() == (depth == 3));
    if (!reading) CHECK(reading.error().complaint().contains("took too long to match against the types of the union"));
  }
}

TEST_CASE("A reply of more values than memory should be spent on is refused by name") {
  const auto signature = Signature::parse("question -> items: list[int]");
  std::string numbers;
  std::string elements;
  for (int i = 0; i < 4'000'001; ++i) {
    numbers += "1,";
    elements += "<a>1</a>";
  }
  numbers.back() = ' ';
  struct Case {
    std::string_view adapter;
    std::string reply;
    std::string_view reason;
  };
  const Case cases[] = {
      {"chat", "[[ ## items ## ]]\n[" + numbers + "]", "there are more than 4000000 values"},
      {"json", "{\"items\": [" + numbers + "]}", "there are more than 4000000 values"},
      {"field", "Items: " + numbers, "has more than 4000000 items"},
      {"xml", "<items>" + elements + "</items>", "there are more than 4000000 values"},
  };
  for (const auto& [name, reply, reason] : cases) {
    if (test::thinning > 1 && name != "xml") continue;  // minutes each
    CAPTURE(name);
    const auto reading = adapter(name)->parse(signature, reply);
    REQUIRE_FALSE(reading.has_value());
    CHECK(reading.error().complaint().contains(reason));
  }
}

TEST_CASE("Many members that are lists in elements of their own are read in linear time") {
  std::string reply = "<order><note>x</note></order><counts>";
  for (int i = 0; i < 60'000; ++i) {
    const auto key = "k" + std::to_string(i);
    reply.append("<").append(key).append(">1</").append(key).append(">");
    reply.append("<").append(key).append(">2</").append(key).append(">");
  }
  const auto signature = Signature::parse("question -> counts: dict[str, list[int]]");

  const auto reading = adapter("xml")->parse(signature, reply + "</counts>");

  REQUIRE(reading.has_value());
  CHECK(reading->outputs.at("counts").as_object().size() == 60'000);
  CHECK(reading->outputs.at("counts").at("k59999") == Json(JsonArray{1, 2}));
}

TEST_CASE("A hostile reply streams in linear time, byte by byte") {
  for (const auto& each : test::every_adapter) {
    for (const auto& data : cases()) {
      CAPTURE(each.name);
      CAPTURE(data.name);
      const auto reply = reply_of(data, 20'000);

      const auto streamed = test::stream(*each.make(), signature(), reply, [] { return 1; });

      CHECK(streamed.events <= 60'000);
    }
  }
}

TEST_CASE("A hundred thousand nested brackets are refused by name") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const std::string brackets = std::string(100'000, '[') + std::string(100'000, ']');
    for (const auto& reply : {"Items: " + brackets, "[[ ## items ## ]]\n" + brackets, "{\"items\": " + brackets + "}",
                              "<items>" + brackets + "</items>"}) {
      const auto reading = each.make()->parse(signature(), reply);

      REQUIRE_FALSE(reading.has_value());
      CHECK(reading.error().complaint().contains("items"));
    }
  }
}

TEST_CASE("A hundred megabytes are read whole") {
  const auto qa = Signature::parse("question -> answer");
  const std::string text(100'000'000, 'x');
  CHECK(adapter("field")->parse(qa, "Answer: " + text)->outputs.at("answer").as_string().size() == text.size());
  CHECK(adapter("chat")->parse(qa, "[[ ## answer ## ]]\n" + text)->outputs.at("answer").as_string().size() ==
        text.size());
  CHECK(adapter("json")->parse(qa, "{\"answer\": \"" + text + "\"}")->outputs.at("answer").as_string().size() ==
        text.size());
  CHECK(adapter("xml")->parse(qa, "<answer>" + text + "</answer>")->outputs.at("answer").as_string().size() ==
        text.size());
}
