#include "dspy/base/json.hpp"
#include "llama/mask/contract.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using namespace dspy::llama;
using namespace dspy::llama::mask;
using Form = OutputContract::Form;

namespace {

JsonObject schema(std::string_view text) {
  return parse_json(text).value().as_object();
}

ToolContract two_tools(ToolFormat format = ToolFormat::tagged()) {
  const auto several = format.several;
  return {.format = std::move(format),
          .tools = {{.name = "add",
                     .description = "Adds.",
                     .parameters = schema(R"({"type":"object","properties":{"a":{"type":"integer"},
                       "b":{"type":"integer"}},"required":["a","b"],"additionalProperties":false})")},
                    {.name = "now", .description = "The time.", .parameters = {}}},
          .several = several};
}

std::string tagged(std::string_view call) {
  return "<tool_call>\n" + std::string(call) + "\n</tool_call>";
}

const std::string add = tagged(R"({"name": "add", "arguments": {"a": 1, "b": -2}})");
const std::string now = tagged(R"({"name": "now", "arguments": {}})");

}  // namespace

TEST_CASE("calls may follow free text, which ends where the first one begins") {
  const auto tools = two_tools();
  const auto grammar = compile({}, &tools);

  for (const auto& text : {std::string(), std::string("Hello <tool> {\n"), add, "I add.\n" + add, add + "\n" + now}) {
    CAPTURE(text);
    CHECK(test::accepts(grammar, text));
  }
  for (const auto& text :
       {add + " and so on", add + now, std::string("<tool_call>"), tagged(R"({"name": "sub", "arguments": {}})"),
        tagged(R"({"name": "add", "arguments": {"a": "1", "b": 2}})"),
        tagged(R"({"name": "add", "arguments": {"a": 1}})"), tagged(R"({"name": "now", "arguments": {"a": 1}})")}) {
    CAPTURE(text);
    CHECK_FALSE(test::accepts(grammar, text));
  }
}

TEST_CASE("required calls are all that a reply may be, and one is all where they are not to be parallel") {
  auto tools = two_tools();
  tools.required = true;
  tools.several = false;
  const auto grammar = compile({}, &tools);

  CHECK(test::accepts(grammar, add));
  CHECK_FALSE(test::accepts(grammar, ""));
  CHECK_FALSE(test::accepts(grammar, "I add.\n" + add));
  CHECK_FALSE(test::accepts(grammar, add + "\n" + now));
}

TEST_CASE("beside a held reply stand calls without text before them") {
  const auto tools = two_tools();
  const auto grammar = compile({.form = Form::choices, .choices = {"yes", "no"}, .may_think = true}, &tools);

  CHECK(test::accepts(grammar, "yes"));
  CHECK(test::accepts(grammar, add));
  CHECK(test::accepts(grammar, "<think>Hm.</think>\n" + add));
  CHECK_FALSE(test::accepts(grammar, "yes\n" + add));
  CHECK_FALSE(test::accepts(grammar, "maybe"));
}

TEST_CASE("a bare call is an object, which no other reply begins as") {
  const auto tools = two_tools(ToolFormat::bare());
  const auto grammar = compile({}, &tools);

  CHECK(test::accepts(grammar, R"({"name": "add", "parameters": {"a": 1, "b": 2}})"));
  CHECK(test::accepts(grammar, "It is {3}."));
  CHECK(test::accepts(grammar, ""));
  CHECK_FALSE(test::accepts(grammar, R"({"a": 1})"));
  CHECK_FALSE(test::accepts(grammar, R"( {"a": 1})"));
}

TEST_CASE("arguments whose schema no mask can hold are any object, and that is told") {
  ToolContract tools{.format = ToolFormat::tagged(),
                     .tools = {{.name = "odd",
                                .description = {},
                                .parameters = schema(R"({"type":"array","items":{"type":"string"}})")}},
                     .required = true};
  const auto grammar = compile({}, &tools);

  CHECK(test::accepts(grammar, tagged(R"({"name": "odd", "arguments": {"x": [1, null]}})")));
  REQUIRE(grammar.unenforced.size() == 1);
  CHECK(grammar.unenforced[0].part == "the arguments of the tool `odd`");
}
