// Replies that end before their first value begins.

#include "dspy/signature/signature.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace dspy;

TEST_CASE("A reply that ends within its first mark holds no value") {
  struct Row {
    std::string_view adapter;
    std::string_view mark;
    std::size_t least;  ///< How much of it tells.
  };
  const auto signature = Signature::parse("question -> answer_text");
  for (const auto& [name, mark, least] : {
           Row{"chat", "[[ ## answer_text ## ]]\n", 1},
           Row{"chat", "[[##answer_text##]]", 1},
           Row{"xml", "<answer_text>\n", 1},
           Row{"xml", "<Answer text>", 1},
           Row{"field", "Answer text:", 2},
           Row{"field", "**Answer text:**", 4},
           Row{"field", "## Answer text:", 5},
           Row{"json", "{\"answer_text\": \"", 1},
       }) {
    for (const std::string_view before : {"", "Sure! Here it is:\n\n", "<think>hm</think>\n", "```\n"}) {
      for (auto size = least; size <= mark.size(); ++size) {
        const auto reply = std::string(before).append(mark.substr(0, size));
        CAPTURE(name);
        CAPTURE(reply);
        CHECK_FALSE(adapter(name)->parse(signature, reply).has_value());
      }
    }
  }
}

TEST_CASE("An object with other names is not text") {
  const auto text = Signature::parse("question -> answer");
  const auto object = Signature::parse("question -> answer: dict[str, int]");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    CHECK_FALSE(each.make()->parse(text, R"({"result": 5})").has_value());
    CHECK_FALSE(each.make()->parse(text, "```json\n{\"result\": \"5\"}\n```").has_value());
    if (each.form != OutputContract::Form::json) CHECK(each.make()->parse(object, R"({"result": 5})").has_value());
  }
}
