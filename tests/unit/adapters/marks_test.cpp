// Marks with something around them, and parts of values in places where they do not belong.

#include "dspy/signature/signature.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>
#include <string>
#include <string_view>

using namespace dspy;

TEST_CASE("What is behind a marker on its line, and is no text, is no part of the value") {
  const auto signature = Signature::parse("question -> a, b");
  for (const std::string_view rest :
       {" :", ".", ",", "-", "}", " ]", "\\", "=", ":=", ".:", "\xE2\x80\x8B", " (str)", ";", " : ", "])"}) {
    for (const std::string_view end : {"\n\n[[ ## completed ## ]]", ""}) {
      const auto reply = std::format("[[ ## a ## ]]{0}\nx\n\n[[ ## b ## ]]{0}\ny{1}", rest, end);
      CAPTURE(reply);
      for (const auto& each : test::every_adapter) {
        CAPTURE(each.name);
        const auto reading = each.make()->parse(signature, reply);
        REQUIRE(reading.has_value());
        CHECK(to_text(reading->outputs) == R"({"a":"x","b":"y"})");
        CHECK(std::ranges::contains(reading->flags, std::string_view("decorated_label"), &Flag::repair));
      }
    }
  }
  for (const std::string_view rest : {". ", ", ", "- ", "} ", "\\ ", " : ", " = ", " ] ", "\xE2\x80\x8B"}) {
    const auto reply = std::format("[[ ## a ## ]]{0}x\n[[ ## b ## ]]{0}y\n[[ ## completed ## ]]", rest);
    CAPTURE(reply);
    const auto reading = adapter("chat")->parse(signature, reply);
    REQUIRE(reading.has_value());
    CHECK(to_text(reading->outputs) == R"({"a":"x","b":"y"})");
  }
  // Text is text, and so is what stands on a line of its own.
  for (const std::string_view value : {"- x", "(str) x", "...x", "-5", "a:", "[1]", "{}"}) {
    CAPTURE(value);
    for (const std::string_view between : {"\n", " "}) {
      const auto reading = adapter("chat")->parse(
          signature, std::format("[[ ## a ## ]]{0}{1}\n\n[[ ## b ## ]]\n-\n\n[[ ## completed ## ]]", between, value));
      REQUIRE(reading.has_value());
      CHECK(reading->outputs.at("a") == Json(value));
      CHECK(reading->outputs.at("b") == Json("-"));
    }
  }
}

TEST_CASE("A label as it was asked for goes before others of its output") {
  for (const auto* const notation : {"question -> reasoning, answer", "question -> reasoning, answer: int"}) {
    const auto signature = Signature::parse(notation);
    for (const std::string_view draft : {"  Answer: 5", "\tAnswer: 5", "answer: 5", "ANSWER: 5", "- Answer: 5",
                                         "**Answer:** 5", "  answer: 5", "> answer: 5", "1. ANSWER: 5"}) {
      const auto reply = std::format("Reasoning: Candidates:\n{}\nThat is too small.\nAnswer: 7", draft);
      CAPTURE(reply);
      const auto reading = adapter("field")->parse(signature, reply);
      REQUIRE(reading.has_value());
      CHECK((reading->outputs.at("answer") == Json("7") || reading->outputs.at("answer") == Json(7)));
      CHECK(view(reading->outputs.at("reasoning").as_string()).contains("too small"));
    }
  }
  const auto reading =
      adapter("field")->parse(Signature::parse("question -> reasoning, answer"), "reasoning: x\nanswer: 5");
  REQUIRE(reading.has_value());
  CHECK(reading->outputs.at("answer") == Json("5"));
}

TEST_CASE("An element in the wrong place is not a member left out") {
  for (const std::string_view profile : {"xml", "xml@dspy-3.5"}) {
    CAPTURE(profile);
    const auto read = [&](std::string_view type, std::string_view reply) {
      return adapter(profile)->parse(Signature::parse(std::format("question -> v: {}, n: Optional[int]", type)), reply);
    };
    // Behind the element of its object.
    CHECK_FALSE(read("P{a: str, b: Optional[str]}", "<v><a>x</a></v><b>y</b>").has_value());
    CHECK_FALSE(read("P{a: str, b: Optional[str]}", "<v><a>x</a></v>\n<b>y</b>\n<n>3</n>").has_value());
    CHECK_FALSE(read("P{a: str, v: Optional[str]}", "<v><a>x</a></v><v>y</v>").has_value());
    CHECK_FALSE(read("list[P{a: str, b: Optional[str]}]", "<v><item><a>x</a></item></v><b>y</b>").has_value());
    // In an item before it, which has no end.
    CHECK_FALSE(
        read("list[P{a: str, b: Optional[int]}]", "<v><item><a>x</a><item><a>y</a></item></item></v>").has_value());
    CHECK(read("P{a: str, b: Optional[str]}", "<v><a>x</a><b>y</b></v>\n<c>z</c>").has_value());
    CHECK(read("P{a: str, b: Optional[str]}", "<v><a>x</a></v>\n<c>z</c>").has_value());
    // A number with a tag of its own name in it is two.
    CHECK_FALSE(read("int", "<v>\n5\n<v>7</v>").has_value());
  }
  const auto signature = Signature::parse("question -> v: P{a: str, b: Optional[str]}");
  CHECK_FALSE(adapter("xml")->parse(signature, "<v><a>x<b>y</b></a></v>").has_value());
  CHECK(adapter("xml")->parse(signature, "<v><a>x&lt;b>y&lt;/b></a></v>").has_value());
  // Literal text may look like anything.
  CHECK(adapter("xml@dspy-3.5")->parse(signature, "<v><a>x<b>y</b></a></v>").has_value());
}

TEST_CASE("A word in CDATA is a text, and alone it is none") {
  for (const std::string_view profile : {"xml", "xml@dspy-3.5"}) {
    CAPTURE(profile);
    const auto signature = Signature::parse("question -> v: Optional[str], l: list[Optional[str]]");
    const auto reading = adapter(profile)->parse(
        signature, "<v><![CDATA[None]]></v><l><item><![CDATA[null]]></item><item>None</item></l>");
    REQUIRE(reading.has_value());
    CHECK(to_text(reading->outputs) == R"({"v":"None","l":["null",null]})");
  }
}

TEST_CASE("A list whose numbers go backwards, or that goes on behind its end, is refused") {
  const auto signature = Signature::parse("question -> v: list[int], n: Optional[int]");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto read = [&](std::string_view value) {
      return each.make()->parse(signature, std::format("[[ ## v ## ]]\n{}\n\n[[ ## completed ## ]]", value));
    };
    for (const std::string_view value : {"2. 20\n1. 10", "1) 10\n3) 20\n2) 40", "1, 2, 3...", "1, 2, \xE2\x80\xA6"}) {
      CAPTURE(value);
      CHECK_FALSE(read(value).has_value());
    }
    for (const std::string_view value :
         {"1. 10\n2. 20", "1. 10\n1. 20", "3. 10\n4. 20", "- 10\n- 20", "[10, 20].", "`[10, 20]`", "[10, 20]"}) {
      CAPTURE(value);
      const auto reading = read(value);
      REQUIRE(reading.has_value());
      CHECK(to_text(reading->outputs.at("v")) == "[10,20]");
    }
  }
}

TEST_CASE("A short value in a fence, or between blanks that cannot be seen, is read") {
  const auto signature = Signature::parse("question -> v: int, w: Literal['low', 'high'], x: Optional[bool]");
  for (const std::string_view around :
       {"```\n{}\n```", "```json\n{}\n```", "\xE2\x80\x8B{}", "{}\xC2\xA0", "\xEF\xBB\xBF{}"}) {
    const auto put = [&](std::string_view value) { return std::vformat(around, std::make_format_args(value)); };
    const auto reply =
        std::format("[[ ## v ## ]]\n{}\n\n[[ ## w ## ]]\n{}\n\n[[ ## x ## ]]\n{}\n\n[[ ## completed ## ]]", put("42"),
                    put("high"), put("true"));
    CAPTURE(reply);
    const auto reading = adapter("chat")->parse(signature, reply);
    REQUIRE(reading.has_value());
    CHECK(to_text(reading->outputs) == R"({"v":42,"w":"high","x":true})");
  }
}
