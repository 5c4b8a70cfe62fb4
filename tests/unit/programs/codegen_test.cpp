#include "dspy/programs/codegen.hpp"

#include "dspy/base/error.hpp"
#include "dspy/modules/chain_of_thought.hpp"

#include <doctest/doctest.h>

#include <format>

using namespace dspy;

namespace {

template <class F>
std::string message_of(F&& work) {
  const auto result = attempt(work);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::config_error);
  return result.error().what();
}

struct SharedDesk {
  Predict<> read{"text -> person: Person{name: str}"};
  Predict<> new_{"person: Person{name: str} -> class: Literal['x', 'y z']"};

  static constexpr auto fields = describe(field<&SharedDesk::new_>(named("new")));
};

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
    std::optional<std::vector<std::string>> tags{};
    std::int64_t size = 1;
  };

  static constexpr auto fields = dspy::describe(
      dspy::field<&Input::ticket>(dspy::desc("What was written.")),
      dspy::field<&Output::sure>(dspy::label("Certainty"), dspy::between(0, 1)),
      dspy::field<&Output::size>(dspy::above{0}, dspy::default_value(1)));
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

  CHECK(code.ends_with(R"(struct Order {
  enum class Kind { a_b, c };

  std::int64_t n{};
  Kind kind{};
  dspy::JsonObject others;

  static constexpr auto fields = dspy::describe(
      dspy::field<&Order::n>(dspy::at_least{1}),
      dspy::field<&Order::others>(dspy::other_members{}));
};

template <>
inline constexpr auto dspy::enum_names<Order::Kind> =
    std::to_array<dspy::EnumName<Order::Kind>>({{Order::Kind::a_b, "a b"}});
)"));
}

TEST_CASE("Predictors of one program share their types, and any name can be written") {
  const auto code = to_cpp(to_program_file(SharedDesk()), {.name = "Desk", .name_space = "shop"});

  CHECK(code.ends_with(R"(namespace shop {

struct Person {
  std::string name;
};

struct Read {
  struct Input {
    std::string text;
  };
  struct Output {
    Person person;
  };
};

enum class Class { x, y_z };

struct New {
  struct Input {
    Person person;
  };
  struct Output {
    Class class_{};

    static constexpr auto fields = dspy::describe(
        dspy::field<&Output::class_>(dspy::named("class")));
  };
};

}  // namespace shop

template <>
inline constexpr auto dspy::enum_names<shop::Class> =
    std::to_array<dspy::EnumName<shop::Class>>({{shop::Class::y_z, "y z"}});

namespace shop {

struct Desk {
  dspy::Predict<Read> read;
  dspy::Predict<New> new_;

  static constexpr auto fields = dspy::describe(
      dspy::field<&Desk::new_>(dspy::named("new")));
};

}  // namespace shop
)"));
}

TEST_CASE("Names of any script and defaults stay what they are") {
  const auto code = to_cpp(Signature::parse("问题 -> 答案, größe: int = 3, lines: list[Line{sku: str, qty: int = 1}]"),
                           {.name = "Task"});

  for (const std::string_view part : {
           "dspy::field<&Input::member>(dspy::named(\"问题\"))",
           "dspy::field<&Output::member>(dspy::named(\"答案\"))",
           "dspy::named(\"größe\")",
           "std::int64_t gr_e = 3;",
           "std::int64_t qty = 1;",
           "dspy::default_value(1)",
       }) {
    CAPTURE(part);
    CHECK(code.contains(part));
  }
}

TEST_CASE("What C++ cannot say is refused by name") {
  std::string wide = "q -> a: {m0: int";
  for (int i = 1; i <= 200; ++i) wide += std::format(", m{}: int", i);
  CHECK(message_of([&] { to_cpp(Signature::parse(wide + "}")); }) ==
        "`a` has 201 members, and C++ reflects up to 200; nest some of them");
  CHECK(message_of([&] {
          to_cpp(Signature::parse("q -> tree: Tree{list: Annotated[list[Tree], Field(one_of=[[]])]}"));
        }).starts_with("codegen has no C++ for the type `list[Tree]` of `tree.list`"));
  const auto signature = Signature::parse("q -> a");
  CHECK(message_of([&] { to_cpp(signature, {.name = "new"}); }).contains("the struct `new`"));
  CHECK(message_of([&] { to_cpp(signature, {.name_space = "a::1"}); }).contains("the namespace `1`"));
  for (const auto* const wrong : {"a::", "::a", "a::::b", "::"}) {
    CHECK(message_of([&] { to_cpp(signature, {.name_space = wrong}); }) ==
          std::format("the namespace `{}` has a part without a name; write names with `::` between them", wrong));
  }
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
