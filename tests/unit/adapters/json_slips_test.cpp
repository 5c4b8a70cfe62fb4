// Objects with a character wrong: what stands inside a broken one is never taken for the reply.

#include "dspy/adapters/adapter.hpp"
#include "dspy/signature/signature.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

const std::vector<std::string> objects = {
    R"({"name": "outer", "age": 3, "author": {"name": "inner", "age": 9}})",
    R"({"items": [{"name": "inner", "age": 9}], "name": "outer", "age": 3})",
    R"({"author": {"name": "inner", "age": 9}, "name": "outer", "age": 3})",
    R"({"name": "outer", "list": ["a", "b"], "age": 3, "meta": {"deep": {"name": "inner", "age": 9}}})",
    R"({"note": "x: {y}", "name": "outer", "age": 3, "refs": [{"age": 9, "name": "inner"}, {"age": 9, "name": "inner"}]})",
    "{'name': 'outer', 'age': 3, 'author': {'name': 'inner', 'age': 9}}",
    "{name: 'outer', age: 3, author: {name: 'inner', age: 9}}",
    R"({"text": "so {\"name\": \"inner\"}", "name": "outer", "age": 3})",
};

/// The object over several lines: a line break after each bracket and comma.
std::string over_lines(std::string_view object) {
  std::string out;
  for (const char c : object) {
    if (c == '}' || c == ']') out += '\n';
    out += c;
    if (c == '{' || c == '[' || c == ',') out += "\n ";
  }
  return out;
}

/// Each text that is one character away.
template <class F>
void for_each_slip(const std::string& text, F&& visit) {
  constexpr std::string_view others = "\",:}{][x '\n";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) visit(text.substr(0, i) + text.substr(i + 1));
    visit(text.substr(0, i));  // cut off
    for (const char c : others) {
      visit(text.substr(0, i) + c + text.substr(i));
      if (i < text.size()) visit(text.substr(0, i) + c + text.substr(i + 1));
    }
  }
}

}  // namespace

TEST_CASE("An object with a slip gives its own values or none, never those of an object inside it") {
  for (const auto* const notation : {"q -> name: str, age: int", "q -> name: str"}) {
    const auto signature = std::make_shared<const Signature>(Signature::parse(notation));
    for (const auto& each : test::every_adapter) {
      CAPTURE(each.name);
      const auto exchange = each.make()->prepare(signature);
      std::size_t inner = 0;
      std::size_t labelled = 0;
      std::string example;
      const auto check = [&](const std::string& reply) {
        const auto reading = exchange->parse(reply);
        if (!reading) return;
        const auto name = to_text(reading->outputs.at("name"));
        const bool is_inner = name.contains("inner") && !name.contains("outer");
        bool is_labelled = false;
        for (const auto& flag : reading->flags) is_labelled |= flag.liberty == "labels";
        if (is_inner || is_labelled) example = reply;
        inner += is_inner ? 1 : 0;
        labelled += is_labelled ? 1 : 0;
      };
      for (const auto& object : objects) {
        for (const auto& text : {object, over_lines(object), "Here it is:\n\n```json\n" + over_lines(object) + "\n```"})
          for_each_slip(text, check);
      }
      CAPTURE(example);
      CHECK(inner == 0);
      CHECK(labelled == 0);
    }
  }
}
