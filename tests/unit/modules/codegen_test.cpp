#include "dspy/modules/codegen.hpp"

#include "dspy/base/error.hpp"
#include "dspy/modules/chain_of_thought.hpp"

#include <doctest/doctest.h>

using namespace dspy;

namespace {

template <class F>
std::string message_of(F&& work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::config_error);
  return result.error().what();
}

}  // namespace

TEST_CASE("A signature becomes a struct with enumerations and notes") {
  auto signature = Signature::parse(
      "ticket, n: int -> priority: Literal['low', 'high'], sure: Annotated[float, Field(ge=0, le=1)], "
      "tags: Optional[list[str]], size: Annotated[int, Field(gt=0)]",
      "Sort the \"ticket\".\nBriefly.");
  signature.inputs[0].description = "What was written.";
  signature.outputs[1].label = "Certainty";
  signature.outputs[3].default_value = 1;

  CHECK(to_cpp(signature, {.name = "Triage", .name_space = "shop::desk", .source = "triage.txt"}) ==
        R"(// Made by `dspy codegen` from triage.txt; make it again rather than change it.
#pragma once

#include "dspy/dspy.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shop::desk {

/// Sort the "ticket".
/// Briefly.
struct Triage {
  static constexpr auto instructions = "Sort the \"ticket\".\nBriefly.";

  enum class Priority { low, high };

  struct Input {
    std::string ticket;
    std::int64_t n{};
  };
  struct Output {
    Priority priority{};
    double sure{};
    std::optional<std::vector<std::string>> tags;
    std::int64_t size{};
  };

  static constexpr auto fields = dspy::describe(
      dspy::field<&Input::ticket>(dspy::desc("What was written.")),
      dspy::field<&Output::priority>(dspy::of_type("Literal['low', 'high']")),
      dspy::field<&Output::sure>(dspy::label("Certainty"), dspy::between(0, 1)),
      dspy::field<&Output::size>(dspy::of_type("Annotated[int, Field(gt=0)]"), dspy::default_json("1")));
};

}  // namespace shop::desk
)");
}

TEST_CASE("A program becomes a struct of modules into which its file loads") {
  struct Rag {
    Predict<> query{"question -> query"};
    ChainOfThought<> answer{"context, question -> answer"};
  };
  struct Desk {
    Rag rag;
    Predict<> judge{"answer -> ok: bool"};
  };

  const auto code = to_cpp(to_program_file(Desk()), {.name = "Desk"});

  CHECK(code.contains("struct Query {\n  struct Input {\n    std::string question;\n  };"));
  CHECK(
      code.contains("struct Answer {\n  struct Input {\n    std::string context;\n    std::string question;\n  };\n"
                    "  struct Output {\n    std::string answer;\n  };\n};"));
  CHECK(
      code.ends_with("struct RagPart {\n  dspy::Predict<Query> query;\n  dspy::ChainOfThought<Answer> answer;\n};\n\n"
                     "struct Desk {\n  RagPart rag;\n  dspy::Predict<Judge> judge;\n};\n"));
}

TEST_CASE("A lone module becomes its signature") {
  const auto code = to_cpp(to_program_file(ChainOfThought("question -> answer")), {.name = "Ask"});

  CHECK(code.contains("struct Ask {"));
  CHECK_FALSE(code.contains("reasoning"));
}

TEST_CASE("An object becomes a plain struct") {
  const auto code =
      to_cpp(Type::parse("{n: Annotated[int, Field(ge=1)], 'kind': Literal['a b', 'c'], **: Any}"), {.name = "Order"});

  CHECK(code.contains(
      "struct Order {\n  std::int64_t n{};\n  std::string kind;\n  // Other members of a value are not kept.\n"));
  CHECK(code.contains("dspy::field<&Order::n>(dspy::at_least{1})"));
  CHECK(code.contains("dspy::field<&Order::kind>(dspy::of_type(\"Literal['a b', 'c']\"))"));
}

TEST_CASE("What C++ cannot say is refused by name") {
  struct Case {
    std::string_view signature;
    std::string_view message;
  };
  const Case cases[] = {
      {"q -> class", "the field `class` cannot be a name in C++"},
      {"q__r -> a", "the field `q__r` cannot be a name in C++"},
      {"q -> a: Any", "codegen has no C++ for the type `Any` of `a`"},
      {"q -> a: dict[int, str]", "codegen has no C++ for the type `dict[int, str]` of `a`"},
      {"q -> a: Literal['x', 1]", "codegen has no C++ for the type `Literal['x', 1]` of `a`"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.signature);
    CHECK(message_of([&] { to_cpp(Signature::parse(each.signature)); }).contains(each.message));
  }
  const auto signature = Signature::parse("q -> a");
  CHECK(message_of([&] { to_cpp(signature, {.name = "new"}); }).contains("the struct `new`"));
  CHECK(message_of([&] { to_cpp(signature, {.name_space = "a::1"}); }).contains("the namespace `1`"));
  CHECK(message_of([&] { to_cpp(Type::string()); }).contains("not of `str`"));
  CHECK(message_of([&] { to_cpp(signature.with_instructions(std::string("a\0b", 3))); }).contains("NUL"));
  struct Steps {
    std::vector<Predict<>> steps = {Predict("a -> b")};
  };
  CHECK(message_of([&] { to_cpp(to_program_file(Steps())); }).contains("`steps[0]` is an item of a list or map"));
  CHECK(message_of([&] {
          to_cpp(load_program("tests/cases/dspy/states/rag.json"));
        }).contains("does not name its fields"));
}
