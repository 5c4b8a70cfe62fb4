#include "dspy/base/error.hpp"
#include "llama/mask/constraint_cache.hpp"
#include "llama/mask/matcher.hpp"

#include <doctest/doctest.h>

#include <format>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;

namespace {

/// Every byte, then `more`, then a control token and an end of text.
std::shared_ptr<const Vocabulary> vocabulary_with(const std::vector<std::string>& more,
                                                  Vocabulary::Tokenizer tokenizer = {}) {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  pieces.insert(pieces.end(), more.begin(), more.end());
  pieces.emplace_back();
  pieces.emplace_back("</s>");
  const auto end = static_cast<Token>(pieces.size() - 1);
  return std::make_shared<const Vocabulary>(std::move(pieces), std::vector{end}, std::move(tokenizer));
}

Token token_of(const Vocabulary& vocabulary, std::string_view piece) {
  for (Token token = 0; token < static_cast<Token>(vocabulary.size()); ++token) {
    if (vocabulary.piece(token) == piece) return token;
  }
  FAIL("no such token");
  return -1;
}

Matcher matcher_of(Grammar grammar, const std::shared_ptr<const Vocabulary>& vocabulary) {
  return Matcher(std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary));
}

std::string text_of(const Vocabulary& vocabulary, const std::vector<Token>& tokens) {
  std::string out;
  for (const auto token : tokens) out += std::string(vocabulary.piece(token)) + "|";
  return out;
}

OutputContract json_contract(std::string_view notation) {
  return {.form = OutputContract::Form::json,
          .signature = std::make_shared<const Signature>(Signature::parse(notation))};
}

}  // namespace

TEST_CASE("a token may span the end of one value, the next key and the beginning of its value") {
  const auto vocabulary = vocabulary_with({"yes\",\n  \"count\": 1", "yes\",\n  \"count\": x"});
  auto matcher = matcher_of(compile(json_contract("q -> answer: Literal['yes', 'no'], count: int")), vocabulary);
  REQUIRE(matcher.accept_text("{\n  \"answer\": \""));

  const auto mask = matcher.allowed();

  CHECK(mask->allows(token_of(*vocabulary, "yes\",\n  \"count\": 1")));
  CHECK_FALSE(mask->allows(token_of(*vocabulary, "yes\",\n  \"count\": x")));
  CHECK(matcher.accept(token_of(*vocabulary, "yes\",\n  \"count\": 1")));
  CHECK(matcher.accept_text("2\n}"));
  CHECK(matcher.finished());
}

TEST_CASE("characters may be split over tokens, and only whole ones end a text") {
  const auto vocabulary = vocabulary_with({"\xE2\x82", "\xAC!", "\xAC\""});
  auto matcher = matcher_of(compile_regex("(\xE2\x82\xAC|\xC3\xA9)+!?"), vocabulary);

  REQUIRE(matcher.accept(token_of(*vocabulary, "\xE2\x82")));

  CHECK_FALSE(matcher.may_end());
  const auto mask = matcher.allowed();
  CHECK(mask->count() == 2);
  CHECK(mask->allows(0xAC));
  CHECK(mask->allows(token_of(*vocabulary, "\xAC!")));
  CHECK(matcher.accept(token_of(*vocabulary, "\xAC!")));
  CHECK(matcher.finished());
}

TEST_CASE("the end of text is allowed where a reply may end, control tokens never") {
  const auto vocabulary = vocabulary_with({});
  const auto end = vocabulary->ends()[0];
  const Token control = end - 1;
  auto matcher = matcher_of(compile_regex("ab?"), vocabulary);

  CHECK_FALSE(matcher.allowed()->allows(end));
  CHECK_FALSE(matcher.accept(end));
  CHECK_FALSE(matcher.accept(control));
  CHECK_FALSE(matcher.accept(-1));
  CHECK_FALSE(matcher.accept(end + 1));
  REQUIRE(matcher.accept('a'));
  CHECK(matcher.allowed()->allows(end));
  CHECK(matcher.allowed()->allows('b'));
  CHECK(matcher.allowed()->count() == 2);
  CHECK_FALSE(matcher.finished());
  CHECK(matcher.accept(end));
  CHECK(matcher.finished());
  CHECK_FALSE(matcher.accept('b'));
}

TEST_CASE("tokens of the same bytes are allowed together") {
  const auto vocabulary = vocabulary_with({"a", "xy", "xy"});
  const auto matcher = matcher_of(compile_regex("a|xy"), vocabulary);

  CHECK(matcher.allowed()->count() == 5);  // 0x61, `a`; `x`; twice `xy`
}

TEST_CASE("a copy is a fork, and keeping one is going back") {
  const auto vocabulary = vocabulary_with({});
  auto matcher = matcher_of(compile_gbnf("root ::= \"a\" root \"b\" | \"c\""), vocabulary);
  REQUIRE(matcher.accept_text("aaa"));
  const auto before = matcher;

  REQUIRE(matcher.accept_text("cbbb"));
  CHECK(matcher.finished());

  matcher = before;
  CHECK_FALSE(matcher.finished());
  CHECK(matcher.accept_text("acbbbb"));
  CHECK(matcher.finished());
}

TEST_CASE("forced text is given as the tokenizer's tokens up to what may yet be part of a longer token") {
  // The reply begins `{\n  "answer": "`, of which ` "` might become ` "The`.
  const std::vector<std::string> words = {"{\n", "  ", "\"answer\"", "\":", ": ", ":", " \"", " \"The"};
  const auto with_longer = vocabulary_with(words);
  CHECK(text_of(*with_longer, *matcher_of(compile(json_contract("q -> answer")), with_longer).forced()) ==
        "{\n|  |\"answer\"|: |");
  const auto without = vocabulary_with({"{\n", "  ", "\"answer\"", " \"", ":"});
  CHECK(text_of(*without, *matcher_of(compile(json_contract("q -> answer")), without).forced()) ==
        "{\n|  |\"answer\"|:| \"|");

  // Its own tokenizer's cut wins over the longest tokens.
  const auto own = vocabulary_with(words, [&](std::string_view text) {
    CHECK(text == "{\n  \"answer\": \"");
    return std::vector<Token>{256, 257, 258, 256 + 5, 256 + 6};
  });
  CHECK(text_of(*own, *matcher_of(compile(json_contract("q -> answer")), own).forced()) == "{\n|  |\"answer\"|:|");
}

TEST_CASE("a tokenizer that does not give the text back is not believed") {
  const auto vocabulary = vocabulary_with({"ab"}, [](std::string_view) { return std::vector<Token>{'x', 'y'}; });
  auto matcher = matcher_of(compile_regex("abc"), vocabulary);

  CHECK(text_of(*vocabulary, *matcher.forced()) == "ab|c|");
}

TEST_CASE("nothing is forced where the text may end or go on in two ways") {
  const auto vocabulary = vocabulary_with({});
  CHECK(matcher_of(compile_regex("(ab)?"), vocabulary).forced()->empty());
  CHECK(matcher_of(compile_regex("ab|cd"), vocabulary).forced()->empty());
  CHECK(text_of(*vocabulary, *matcher_of(compile_regex("order(Id|Name)"), vocabulary).forced()) == "o|r|d|e|r|");
}

TEST_CASE("strings with few characters left allow shorter tokens only") {
  const auto vocabulary = vocabulary_with({"word", "words", "\xC3\xA9t\xC3\xA9", "ab\""});
  Signature signature = Signature::parse("q -> answer");
  signature.outputs[0].type = Type::string({.max_length = 5});
  auto matcher = matcher_of(
      compile({.form = OutputContract::Form::json, .signature = std::make_shared<const Signature>(signature)}),
      vocabulary);
  REQUIRE(matcher.accept_text("{\n  \"answer\": \""));

  CHECK(matcher.allowed()->allows(token_of(*vocabulary, "words")));
  REQUIRE(matcher.accept('x'));
  CHECK(matcher.allowed()->allows(token_of(*vocabulary, "word")));
  CHECK_FALSE(matcher.allowed()->allows(token_of(*vocabulary, "words")));
  REQUIRE(matcher.accept('x'));
  CHECK(matcher.allowed()->allows(token_of(*vocabulary, "\xC3\xA9t\xC3\xA9")));
  CHECK_FALSE(matcher.allowed()->allows(token_of(*vocabulary, "word")));
  REQUIRE(matcher.accept_text("xxx"));
  CHECK(matcher.allowed()->count() == 1);
  CHECK(matcher.allowed()->allows('"'));
}

TEST_CASE("a state with far off limits shares its mask with those like it") {
  const auto vocabulary = vocabulary_with({"word"});
  Signature signature = Signature::parse("q -> answer");
  signature.outputs[0].type = Type::string({.max_length = 9000});
  auto matcher = matcher_of(
      compile({.form = OutputContract::Form::json, .signature = std::make_shared<const Signature>(signature)}),
      vocabulary);
  REQUIRE(matcher.accept_text("{\n  \"answer\": \"a "));

  const auto first = matcher.allowed();
  REQUIRE(matcher.accept_text("word by word"));
  CHECK(matcher.allowed() == first);
}

TEST_CASE("a compiled contract is found again by what it says, and threads may share it") {
  ConstraintCache cache({.contracts = 2});
  const auto vocabulary = vocabulary_with({"word"});
  const auto first = cache.find(json_contract("q -> answer"), vocabulary);

  CHECK(cache.find(json_contract("q -> answer"), vocabulary).constraint == first.constraint);
  CHECK(cache.find(json_contract("q -> other"), vocabulary).constraint != first.constraint);
  CHECK(cache.find(json_contract("q -> answer"), vocabulary_with({})).constraint != first.constraint);
  CHECK(cache.size() == 2);

  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Matcher matcher(first.constraint);
      matcher.accept_text("{\n  \"answer\": \"");
      for (int step = 0; step < 200; ++step) {
        if (!matcher.allowed()->allows('a' + i)) return;
        matcher.accept('a' + i);
      }
    });
  }
}

TEST_CASE("a constraint that has grown beyond the cache's memory serves no new reply, though it was the only one") {
  const OutputContract contract{.form = OutputContract::Form::regex, .grammar = "[ab]{500}"};
  const auto vocabulary = vocabulary_with({"word"});
  const auto fresh = ConstraintCache().find(contract, vocabulary).constraint->memory();
  ConstraintCache cache({.memory = 2 * fresh});
  const auto first = cache.find(contract, vocabulary).constraint;
  CHECK(cache.find(contract, vocabulary).constraint == first);

  Matcher matcher(first);
  for (int i = 0; i < 400; ++i) {
    static_cast<void>(matcher.allowed());
    REQUIRE(matcher.accept_text("a"));
  }

  REQUIRE(first->memory() > 2 * fresh);
  const auto second = cache.find(contract, vocabulary).constraint;
  CHECK(second != first);
  CHECK(second->memory() == fresh);
  CHECK(cache.size() == 1);
  CHECK(matcher.accept_text("b"));  // who uses it still does
}

TEST_CASE("a vocabulary that cannot be is refused") {
  CHECK_THROWS_WITH_AS(Vocabulary({"a", "b"}, {2}), "token 2 is to end replies, but the vocabulary has 2 tokens",
                       Error);
  CHECK_THROWS_WITH_AS(Vocabulary({std::string(70'000, 'x')}, {}),
                       "a token of 70000 bytes is longer than masks can hold (65535)", Error);
}

TEST_CASE("a text that must be there is not blank in JSON, as readers take that for a missing one") {
  const auto accepts = [](std::string_view notation, std::string_view value) {
    auto matcher = matcher_of(compile({.form = OutputContract::Form::json,
                                       .signature = std::make_shared<const Signature>(
                                           Signature::parse(std::format("q -> a: {}", notation)))}),
                              vocabulary_with({"word"}));
    return matcher.accept_text(std::format("{{\n  \"a\": {}\n}}", value)) && matcher.may_end();
  };

  CHECK(accepts("str", R"(" word")"));
  CHECK_FALSE(accepts("str", R"("")"));
  CHECK_FALSE(accepts("str", R"(" \n ")"));
  CHECK_FALSE(accepts("int | str", R"("")"));
  CHECK(accepts("int | str", "7"));
  CHECK(accepts("Optional[str]", R"("")"));
  CHECK(accepts("list[str]", "[]"));
}

TEST_CASE("a candidate of an optimizer, with other instructions and descriptions, compiles no contract") {
  ConstraintCache cache({.contracts = 4});
  const auto vocabulary = vocabulary_with({"word"});
  const auto contract = json_contract("question -> answer: int");
  const auto first = cache.find(contract, vocabulary);
  auto signature = contract.signature->with_instructions("Think like a chess player.");
  signature.inputs[0].description = "What is asked.";
  signature.outputs[0].description = "Only the number.";
  auto candidate = contract;
  candidate.signature = std::make_shared<const Signature>(std::move(signature));

  CHECK(cache.find(candidate, vocabulary).constraint == first.constraint);
  CHECK(cache.size() == 1);
}
