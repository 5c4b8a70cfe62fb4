#include "llama/tools/python_arguments.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/mask/contract.hpp"
#include "llama/tools/python_literal.hpp"
#include "support/mask/accepts.hpp"
#include "tool_families.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Calls as Python writes them, in which Gemma 3 was shown its tools.

using namespace dspy;
using namespace dspy::llama;

namespace {

ToolContract five_kinds() {
  const auto parameters = parse_json(R"({"type":"object","properties":{
      "text":{"type":"string"},"on":{"type":"boolean"},"n-th":{"type":"integer"},
      "tags":{"type":"array","items":{"type":"string"}},"maybe":{"type":["string","null"]}},
      "required":["text"],"additionalProperties":false})");
  return {.format = ToolFormat::gemma(),
          .tools = {{.name = "f", .description = {}, .parameters = parameters->as_object()}},
          .required = true};
}

std::string fenced(std::string_view calls) {
  return "```tool_code\n" + std::string(calls) + "\n```";
}

}  // namespace

TEST_CASE("literals of Python are the values they mean") {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"'it\\'s'", R"("it's")"},
      {R"("a\n\x41\u00e9\ud83d\ude00\d")", R"("a\nAé😀\\d")"},
      {"True", "true"},
      {"none", ""},
      {"None", "null"},
      {"null", "null"},
      {"-1.5e3", "-1500.0"},
      {"[1, 'b', [False], ]", R"([1, "b", [false]])"},
      {"(1, 2)", "[1, 2]"},
      {"(1,)", "[1]"},
      {"(1)", "1"},
      {"{'k': {\"l\": ()}}", R"({"k": {"l": []}})"},
      {"{1: 2}", ""},
      {"{'k': 1, 'k': 2}", ""},
      {"[1 2]", ""},
      {"'open", ""},
      {R"("\ud83d")", ""},
      {R"("\xZZ")", ""},
      {"f(1)", ""},
      {"", ""},
  };
  for (const auto& [written, wanted] : cases) {
    CAPTURE(written);
    auto rest = written;
    const auto read = take_python_literal(rest);
    CHECK(read.has_value() == !wanted.empty());
    if (!read) continue;
    CHECK(*read == *parse_json(wanted));
    const auto again = python_literal(*read);
    rest = again;
    CHECK(take_python_literal(rest) == *read);
    CHECK(rest.empty());
  }
  const std::string deep(100, '[');
  std::string_view rest = deep;
  CHECK(take_python_literal(rest).error().contains("nested deeper"));
}

TEST_CASE("arguments of Python are held to the schema, read and written alike") {
  const auto contract = five_kinds();
  const auto grammar = mask::compile({}, &contract);
  const JsonObject input = {
      {"text", "a\"b),\n"}, {"on", true}, {"n-th", 3}, {"tags", JsonArray{"x", ")"}}, {"maybe", nullptr}};
  const auto written = write_python_arguments(input);
  CHECK(written == R"~(text="a\"b),\n", on=True, "n-th"=3, tags=["x", ")"], maybe=None)~");
  for (const auto& arguments : {written, std::string(R"(text="")"), std::string(R"(text="x", maybe="y")")}) {
    CAPTURE(arguments);
    const auto reply = fenced("f(" + arguments + ")");
    CHECK(test::accepts(grammar, reply));
    CHECK(test::taken(reply, contract).tool_calls.at(0).input.size() >= 1);
  }
  CHECK(test::taken(fenced("f(" + written + ")"), contract).tool_calls.at(0).input == input);
  for (const auto arguments : {R"()", R"(on=True)", R"(text=1)", R"(text="x", on=true)", R"(text="x",on=True)",
                               R"(text="x", maybe=None, on=True)", R"("x")", R"(text="x", text="y")"}) {
    CAPTURE(arguments);
    CHECK_FALSE(test::accepts(grammar, fenced("f(" + std::string(arguments) + ")")));
  }
}

TEST_CASE("what models write in the fence that no mask held is read where it means one thing") {
  const auto contract = test::contract_of(ToolFormat::gemma());
  const std::vector<std::pair<std::string_view, std::size_t>> readable = {
      {"[add(a=1), now()]", 2},      {"add( a = 1 , t = 'x' )", 1},
      {"add(**{'a': 1})\nnow()", 2}, {R"({"name": "add", "parameters": {"a": 1}})", 1},
      {"now(),\nnow()", 2},
  };
  for (const auto& [calls, count] : readable) {
    CAPTURE(calls);
    CHECK(test::taken(fenced(calls), contract).tool_calls.size() == count);
  }
  const std::vector<std::pair<std::string_view, std::string_view>> wrong = {
      {"add(1)", "has no name"},         {"add(a=b)", "not text, a number or another literal"},
      {"add(a=1, a=2)", "twice"},        {"add(a=1", "neither another argument nor an end"},
      {"add(**[1])", "not an object"},   {"x = add(a=1)", "was not offered"},
      {"print(now())", "has no name"},   {"add", "no `(` follows its name"},
      {"now() + 1", "follows its name"},
  };
  for (const auto& [calls, says] : wrong) {
    CAPTURE(calls);
    const auto read = attempt([&] { return test::taken(fenced(calls), contract); });
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code() == Errc::parse_error);
    CHECK(std::string_view(read.error().what()).contains(says));
  }
}
