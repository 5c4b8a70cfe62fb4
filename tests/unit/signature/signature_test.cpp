#include "dspy/signature/signature.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dspy;

namespace {

const Signature base = Signature::parse("a: int, b -> c, d: float", "Do it.");

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  for (const auto& field : fields) names.push_back(field.name);
  return names;
}

using Names = std::vector<std::string>;

std::string refusal(const Signature& signature, JsonObject inputs) {
  try {
    checked_inputs(signature, std::move(inputs));
    return "accepted";
  } catch (const Error& error) {
    CHECK(error.code() == Errc::bad_input);
    return error.what();
  }
}

}  // namespace

TEST_CASE("A parsed signature has labels, no descriptions and the instructions given") {
  const auto signature = Signature::parse("order_id -> answer", "Answer.");

  CHECK(signature.instructions == "Answer.");
  CHECK(signature.inputs == std::vector{make_field("order_id")});
  CHECK(signature.outputs[0].label == "Answer");
  CHECK(signature.outputs[0].description.empty());
  CHECK(Signature::parse("a -> b").instructions.empty());
}

TEST_CASE("find looks on both sides") {
  REQUIRE(base.find("b"));
  CHECK(base.find("b")->name == "b");
  CHECK(base.find("d")->type == Type::number());
  CHECK(base.find("e") == nullptr);
  CHECK(base.find("") == nullptr);
}

TEST_CASE("Editing returns a changed copy") {
  CHECK(base.with_instructions("New.").instructions == "New.");
  CHECK(names_of(base.append(Direction::output, make_field("e")).outputs) == Names{"c", "d", "e"});
  CHECK(names_of(base.prepend(Direction::input, make_field("e")).inputs) == Names{"e", "a", "b"});
  CHECK(names_of(base.delete_field("a").inputs) == Names{"b"});
  CHECK(names_of(base.delete_field("c").outputs) == Names{"d"});
  CHECK(to_notation(base) == "a: int, b: str -> c: str, d: float");
  CHECK(base.instructions == "Do it.");
}

TEST_CASE("insert counts from either end") {
  struct Case {
    int index;
    Names names;
  };
  const std::vector<Case> cases = {
      {0, {"x", "a", "b"}},  {1, {"a", "x", "b"}},  {2, {"a", "b", "x"}},
      {-1, {"a", "b", "x"}}, {-2, {"a", "x", "b"}}, {-3, {"x", "a", "b"}},
  };
  for (const auto& [index, names] : cases) {
    CAPTURE(index);
    CHECK(names_of(base.insert(Direction::input, index, make_field("x")).inputs) == names);
  }
  CHECK_THROWS_WITH_AS(base.insert(Direction::output, 3, make_field("x")),
                       "no place 3 for the field `x` among 2 output fields; use -3 to 2", Error);
  CHECK_THROWS_AS(base.insert(Direction::input, -4, make_field("x")), Error);
}

TEST_CASE("A name is taken on both sides, and must be an identifier") {
  CHECK_THROWS_WITH_AS(base.append(Direction::input, make_field("c")),
                       "the signature has a field `c` already; delete it first, or choose another name", Error);
  CHECK_THROWS_AS(base.prepend(Direction::output, make_field("c")), Error);
  CHECK_THROWS_WITH_AS(base.append(Direction::output, Field{.name = "no name"}),
                       doctest::Contains("`no name` is not a field name"), Error);
}

TEST_CASE("A field built by hand gets its label when it is added") {
  CHECK(base.append(Direction::output, Field{.name = "final_answer"}).outputs[2] == make_field("final_answer"));
}

TEST_CASE("A field that is not there is an error that helps") {
  const auto longer = Signature::parse("question -> answer");

  CHECK_THROWS_WITH_AS(longer.delete_field("anwser"), "the signature has no field `anwser`; did you mean `answer`?",
                       Error);
  CHECK_THROWS_WITH_AS(longer.with_updated_field("x", [](Field&) {}),
                       "the signature has no field `x`; its fields are `question` and `answer`", Error);
}

TEST_CASE("with_updated_field changes one field and keeps the signature valid") {
  const auto described =
      base.with_updated_field("d", [](Field& f) { f.description = "How sure.", f.type.limits = {.le = 1}; });
  const auto renamed = base.with_updated_field("c", [](Field& f) { f.name = "first_choice"; });
  const auto labelled = base.with_updated_field("c", [](Field& f) { f.name = "e", f.label = "Mine"; });

  CHECK(described.outputs[1].description == "How sure.");
  CHECK(described.outputs[1].limits().le == Number(1));
  CHECK(renamed.outputs[0] == make_field("first_choice"));
  CHECK(labelled.outputs[0].label == "Mine");
  CHECK_THROWS_WITH_AS(base.with_updated_field("c", [](Field& f) { f.name = "a"; }),
                       doctest::Contains("a field `a` already"), Error);
  CHECK_THROWS_WITH_AS(base.with_updated_field("c", [](Field& f) { f.type.limits = {.le = 3}; }),
                       doctest::Contains("only `int` and `float` have a range"), Error);
}

TEST_CASE("validate wants outputs, unique names and valid fields") {
  CHECK_NOTHROW(validate(base));
  CHECK_THROWS_WITH_AS(validate(Signature{}), "the signature has no output field; add one, such as `answer`", Error);
  CHECK_THROWS_WITH_AS(validate(Signature{.inputs = {make_field("a")}, .outputs = {make_field("b"), make_field("a")}}),
                       "the name `a` is taken by two fields; give each input and output a name of its own", Error);
  CHECK_THROWS_WITH_AS(validate(Signature{.outputs = {Field{.name = "a"}}}),
                       doctest::Contains("the field `a` has no label"), Error);
  CHECK_THROWS_WITH_AS(validate(base.with_instructions("a\xFF")), doctest::Contains("byte 1 of the instructions"),
                       Error);
}

TEST_CASE("checked_inputs returns inputs that fit, respelled where needed") {
  const auto signature = Signature::parse("text, limit: float, note: Optional[str] -> answer");

  CHECK(checked_inputs(signature, {{"text", "x"}, {"limit", 2}, {"note", "n"}}) ==
        JsonObject{{"text", "x"}, {"limit", 2.0}, {"note", "n"}});
  CHECK(checked_inputs(signature, {{"limit", 2.5}, {"text", ""}, {"note", nullptr}}) ==
        JsonObject{{"text", ""}, {"limit", 2.5}, {"note", nullptr}});
}

TEST_CASE("checked_inputs fills in defaults, and null for absent optional inputs") {
  const auto signature =
      Signature::parse("text, count: int, note: Optional[str] -> answer").with_updated_field("count", [](Field& f) {
        f.default_value = 3;
      });

  CHECK(checked_inputs(signature, {{"text", "x"}}) == JsonObject{{"text", "x"}, {"count", 3}, {"note", nullptr}});
  CHECK(checked_inputs(Signature::parse("-> a"), {}).empty());
}

TEST_CASE("checked_inputs names every input at fault at once") {
  const auto signature = Signature::parse("question, count: int, passages: list[str] -> answer");

  CHECK(refusal(signature, {}) ==
        "no value for the inputs `question`, `count` and `passages`; the inputs are `question: str, count: int, "
        "passages: list[str]`");
  CHECK(refusal(signature, {{"questoin", "x"}, {"count", "3"}, {"passages", JsonArray{1}}}) ==
        "no value for the input `question`; the input `count` is a string, not an integer; the input "
        "`passages[0]` is an integer, not a string; there is no input `questoin`, did you mean `question`?; the "
        "inputs are "
        "`question: str, count: int, passages: list[str]`");
  CHECK(refusal(signature, {{"question", "x"}, {"count", 3}, {"passages", JsonArray{}}, {"answer", "y"}}) ==
        "`answer` is an output, not an input; the inputs are `question: str, count: int, passages: list[str]`");
  CHECK(refusal(Signature::parse("-> a"), {{"zzz", 1}}) == "there is no input `zzz`; the signature takes no inputs");
  CHECK(refusal(Signature::parse("a: int -> b"), {{"a", nullptr}}) == "the input `a` is null, not an integer");
}

TEST_CASE("checked_inputs tells which names are missing and invalid as facts") {
  try {
    checked_inputs(Signature::parse("a, b: int, c -> d"), {{"b", "x"}, {"c", "ok\xC3("}});
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.info().missing == Names{"a"});
    CHECK(error.info().invalid == Names{"b", "c"});
    CHECK(error.info().position == 2);
    CHECK(std::string_view(error.what()).contains("the input `c` is not valid UTF-8 at byte 2"));
  }
}

TEST_CASE("checked_inputs holds inputs to their limits") {
  const auto signature =
      Signature::parse("text -> a").with_updated_field("text", [](Field& f) { f.type.limits = {.max_length = 3}; });

  CHECK(refusal(signature, {{"text", "abcd"}}) == "the input `text` has 4 characters, above the maximum 3");
  CHECK(refusal(signature, {{"text", "abc"}}) == "accepted");
}
