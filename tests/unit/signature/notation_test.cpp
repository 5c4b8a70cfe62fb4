#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dspy;

namespace {

Error error_of(std::string_view notation) {
  const auto result = attempt([&] { return Signature::parse(notation); });
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("Signature::parse reads names and types") {
  struct Case {
    std::string_view notation;
    std::string_view canonical;
  };
  const Case cases[] = {
      {"question -> answer", "question: str -> answer: str"},
      {"a,b->c", "a: str, b: str -> c: str"},
      {"  a :  int ,\n\tb\n->\n c : float  ", "a: int, b: str -> c: float"},
      {"a -> b, c: bool", "a: str -> b: str, c: bool"},
      {"a -> b,", "a: str -> b: str"},
      {"a: list[str] -> b", "a: list[str] -> b: str"},
      {"a: list[ list [int] ] -> b", "a: list[list[int]] -> b: str"},
      {"a: dict[str, int] -> b", "a: dict[str, int] -> b: str"},
      {"a: Optional[int] -> b: Optional[list[str]]", "a: Optional[int] -> b: Optional[list[str]]"},
      {"a: int | None -> b", "a: Optional[int] -> b: str"},
      {"a -> b: Literal['x', \"y\"]", "a: str -> b: Literal['x', 'y']"},
      {"a -> b: Literal['x', 3, True]", "a: str -> b: Literal['x', 3, True]"},
      {"a -> b: Literal['it\\'s']", "a: str -> b: Literal[\"it's\"]"},
      {"_a1 -> B_2", "_a1: str -> B_2: str"},
  };
  for (const auto& [notation, canonical] : cases) {
    CAPTURE(notation);
    const auto signature = Signature::parse(notation);
    CHECK(to_notation(signature) == canonical);
    CHECK(Signature::parse(canonical) == signature);
  }
}

TEST_CASE("Labels are names in words, and instructions are kept apart") {
  const auto signature = Signature::parse("order_id, userName -> is_urgent: bool", "Sort it.");
  CHECK(signature.inputs[0].label == "Order id");
  CHECK(signature.inputs[1].label == "User name");
  CHECK(signature.outputs[0].label == "Is urgent");
  CHECK(signature.instructions == "Sort it.");
  CHECK(Signature::parse("a -> b").instructions.empty());
}

TEST_CASE("A fault in the notation is named with its place and the remedy") {
  struct Case {
    std::string_view notation;
    std::size_t position;
    std::string_view words;
  };
  const Case cases[] = {
      {"question answer", 9, "->"},
      {"a -> b -> c", 7, "->"},
      {"a ->", 4, ""},
      {"", 0, ""},
      {"a, a -> b", 3, "a"},
      {"a -> a", 5, "a"},
      {"a -> b, b", 8, "b"},
      {"1a -> b", 0, ""},
      {"a b -> c", 2, ""},
      {"a -> b: flaot", 8, "float"},
      {"a -> b: strr", 8, "str"},
      {"a -> b: list[", 13, ""},
      {"a -> b: list[str", 12, "`[`"},
      {"a -> b: dict[str]", 16, ""},
      {"a -> b: Literal[]", 16, ""},
      {"a -> b: Literal['x", 16, ""},
      {"a -> b: Optional[]", 17, ""},
      {"a -> b:", 7, ""},
      {"a: -> b", 3, ""},
      {"a -> b: int int", 12, ""},
      {"a ->> b", 4, ""},
      {"a -> b; c", 6, ""},
      {"a -> \xff", 5, "UTF-8"},
      {"é -> b", 0, ""},
  };
  for (const auto& [notation, position, words] : cases) {
    CAPTURE(notation);
    const auto error = error_of(notation);
    CAPTURE(std::string(error.what()));
    CHECK(error.code() == Errc::signature_error);
    REQUIRE(error.info().position.has_value());
    CHECK(*error.info().position <= notation.size());
    CHECK(std::abs(static_cast<long>(*error.info().position) - static_cast<long>(position)) <= 3);
    CHECK(std::string_view(error.what()).find(words) != std::string_view::npos);
  }
}

TEST_CASE("Deep nesting is refused, not followed into the ground") {
  std::string deep = "a -> b: ";
  for (int i = 0; i < 100000; ++i) deep += "list[";
  CHECK(error_of(deep).code() == Errc::signature_error);
}

TEST_CASE("Any type that can be made survives its notation") {
  std::mt19937 random(42);
  const std::function<Type(int)> make = [&](int depth) -> Type {
    switch (random() % (depth > 3 ? 5 : 8)) {
      case 0: return Type::string();
      case 1: return Type::integer();
      case 2: return Type::number();
      case 3: return Type::boolean();
      case 4: return Type::literal({Json("a'b\\"), Json(static_cast<std::int64_t>(random() % 100)), Json(random() % 2 == 0)});
      case 5: return Type::list(make(depth + 1));
      case 6: return Type::dict(Type::string(), make(depth + 1));
      default: {
        auto inner = make(depth + 1);
        return inner.is_optional() ? inner : Type::optional(std::move(inner));
      }
    }
  };
  for (int i = 0; i < 500; ++i) {
    const auto type = make(0);
    CAPTURE(to_notation(type));
    CHECK(Type::parse(to_notation(type)) == type);
  }
}
