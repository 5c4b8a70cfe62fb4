#include "dspy/base/error.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;

namespace {

/// Holds texts against a type, as compact JSON.
class Holder {
 public:
  explicit Holder(const Type& type) {
    Pool pool;
    TypeGrammar types(pool, style_, unenforced_);
    const auto expr = types.json(type, "the output `value`");
    automaton_.emplace(std::move(pool), expr);
  }

  bool holds(std::string_view text) {
    auto at = automaton_->start();
    for (const char byte : text) at = automaton_->next(at, static_cast<unsigned char>(byte));
    return automaton_->accepts(at);
  }

  const std::vector<Unenforced>& unenforced() const { return unenforced_; }

 private:
  TextStyle style_;
  std::vector<Unenforced> unenforced_;
  std::optional<Automaton> automaton_;
};

std::vector<JsonObject> read_cases(const char* path = "tests/cases/mask/types.jsonl") {
  std::ifstream file(path);
  std::vector<JsonObject> out;
  for (std::string line; std::getline(file, line);) out.push_back(parse_json(line)->as_object());
  return out;
}

}  // namespace

TEST_CASE("each type holds the values of the case table and refuses its texts") {
  const auto cases = read_cases();
  REQUIRE(cases.size() > 30);
  for (const auto& example : cases) {
    const std::string notation(example.at("type").as_string());
    CAPTURE(notation);
    const auto type = Type::parse(notation);
    Holder holder(type);
    for (const auto& value : example.at("holds").as_array()) {
      const auto text = to_text(value);
      CAPTURE(text);
      CHECK(fit(type, value).has_value());
      CHECK(holder.holds(text));
    }
    for (const auto& refused : example.at("refuses").as_array()) {
      const std::string text(refused.as_string());
      CAPTURE(text);
      CHECK_FALSE(holder.holds(text));
    }
  }
}

TEST_CASE("a mask holds only what fits the type, and all of it as it is written after fitting") {
  const auto cases = read_cases();
  std::vector<Json> values;
  for (const auto& example : cases) {
    for (const auto& value : example.at("holds").as_array()) values.push_back(value);
    for (const auto& refused : example.at("refuses").as_array()) {
      if (auto value = parse_json(std::string(refused.as_string()))) values.push_back(*std::move(value));
    }
  }
  // A float with limits is written without an exponent, members and choices of a set have an order, and so on.
  const auto is_narrower = [](const Type& type, const std::string& text) {
    return (type.kind == Type::Kind::number && text.contains('e')) || type.limits->unique_items ||
           type.kind == Type::Kind::object || type.kind == Type::Kind::dict ||
           (type.kind == Type::Kind::number && text.starts_with("-0")) || type.kind == Type::Kind::union_ ||
           type.kind == Type::Kind::datetime || type.kind == Type::Kind::time || type.kind == Type::Kind::duration;
  };
  for (const auto& example : cases) {
    const std::string notation(example.at("type").as_string());
    CAPTURE(notation);
    const auto type = Type::parse(notation);
    Holder holder(type);
    for (const auto& value : values) {
      const auto text = to_text(value);
      CAPTURE(text);
      const auto fitted = fit(type, value);
      if (holder.holds(text)) CHECK(fitted.has_value());
      if (fitted && !is_narrower(type, text)) CHECK(holder.holds(to_text(*fitted)));
    }
  }
}

TEST_CASE("each JSON Schema holds the values of the case table and refuses its texts") {
  const auto cases = read_cases("tests/cases/mask/schemas.jsonl");
  REQUIRE(cases.size() > 15);
  for (const auto& example : cases) {
    CAPTURE(to_text(example.at("schema")));
    const auto grammar = compile_schema(example.at("schema"));
    for (const auto& value : example.at("holds").as_array()) {
      const auto text = to_text(value);
      CAPTURE(text);
      CHECK(test::accepts(grammar, text));
    }
    for (const auto& refused : example.at("refuses").as_array()) {
      const std::string text(refused.as_string());
      CAPTURE(text);
      CHECK_FALSE(test::accepts(grammar, text));
    }
  }
}

TEST_CASE("a schema's keyword that no type can say is named") {
  CHECK_THROWS_AS(compile_schema(*parse_json(R"({"not": {"type": "string"}})")), Error);
}

TEST_CASE("patterns hold together with lengths, also of what JSON escapes") {
  Holder code(Type::string({.pattern = "^[A-Z]{2}-\\d+$"}));
  CHECK(code.holds("\"AB-123\""));
  CHECK_FALSE(code.holds("\"AB-\""));
  CHECK_FALSE(code.holds("\"xAB-1\""));

  Holder part(Type::string({.min_length = 4, .max_length = 6, .pattern = "b\"+"}));
  CHECK(part.holds("\"aab\\\"\""));
  CHECK(part.holds("\"b\\\"\\nxyz\""));
  CHECK_FALSE(part.holds("\"ab\\\"\""));
  CHECK_FALSE(part.holds("\"aaab\""));
  CHECK_FALSE(part.holds("\"aaaab\\\"x\""));

  CHECK_THROWS_WITH_AS(
      Holder(Type::list(Type::string({.pattern = "a\\bc"}))),
      "no mask can hold the output `value`, item: it has the pattern `a\\bc`, in which `\\b` cannot be held by a mask "
      "(byte 1)",
      Error);
  CHECK_THROWS_WITH_AS(Holder(Type::string({.max_length = 2, .pattern = "^abc"})),
                       "no mask can hold the output `value`: it has no text of 0 to 2 characters", Error);
}

TEST_CASE("what a mask leaves to the reader is named") {
  Holder set(Type::parse("set[int]"));
  REQUIRE(set.unenforced().size() == 1);
  CHECK(set.unenforced()[0].part == "the output `value`");
  CHECK(set.unenforced()[0].reason == "its items may be equal");

  Holder nested(Type::parse("list[dict[str, Any]]"));
  REQUIRE(nested.unenforced().size() == 1);
  CHECK(nested.unenforced()[0].part == "the output `value`, item");
  CHECK(nested.unenforced()[0].reason == "a key may come twice, and then its last value counts");

  CHECK(Holder(Type::parse("list[dict[Literal['a'], int]]")).unenforced().empty());
}

TEST_CASE("huge choices, counts and lengths compile in bounded time and hold") {
  std::vector<Json> choices;
  for (int i = 0; i < 50'000; ++i) choices.emplace_back("choice number " + std::to_string(i));
  Holder literal(Type::literal(choices));
  CHECK(literal.holds("\"choice number 49999\""));
  CHECK_FALSE(literal.holds("\"choice number 50000\""));

  Holder list(Type::list(Type::integer(), {.max_length = 10'000}));
  std::string items = "[1";
  for (int i = 1; i < 10'000; ++i) items += ",1";
  CHECK(list.holds(items + "]"));
  CHECK_FALSE(list.holds(items + ",1]"));

  Holder text(Type::string({.min_length = 10'000, .max_length = 10'000}));
  CHECK(text.holds('"' + std::string(10'000, 'x') + '"'));
  CHECK_FALSE(text.holds('"' + std::string(9'999, 'x') + '"'));
  CHECK_FALSE(text.holds('"' + std::string(10'001, 'x') + '"'));

  Holder tree(Type::parse("Tree{left: Optional[Tree], right: Optional[Tree]}"));
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += "{\"left\":";
  CHECK(tree.holds(deep + "null" + std::string(30, '}')));

  while (choices.size() <= 100'000) choices.emplace_back("choice number " + std::to_string(choices.size()));
  CHECK_THROWS_WITH_AS(Holder(Type::literal(choices)),
                       "no mask can hold the output `value`: it has 100001 choices, where 100000 are possible", Error);
}
