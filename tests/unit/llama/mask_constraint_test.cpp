#include "llama/mask/constraint.hpp"
#include "llama/mask/grammars/gbnf.hpp"
#include "llama/mask/matcher.hpp"
#include "support/mask/reference.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace dspy::llama::mask;
using dspy::test::GrammarMaker;
using dspy::test::ReferenceMatcher;

namespace {

/// A vocabulary as byte-level BPE has it: every byte, and texts cut anywhere, characters in the middle too.
std::vector<std::string> byte_level_pieces(GrammarMaker& maker) {
  std::vector<std::string> out;
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  const std::string letters = "ab\"\\\n c\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  for (int i = 0; i < 400; ++i) {
    std::string piece;
    for (auto parts = 1 + maker.below(4); parts-- > 0;)
      piece += letters.substr(maker.below(letters.size()), 1 + maker.below(5));
    out.push_back(piece);
  }
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  return out;
}

/// As SentencePiece has it: whole characters, words with a blank before them, and each byte once more at the end.
std::vector<std::string> sentence_piece_pieces(GrammarMaker& maker) {
  const std::vector<std::string> characters = {"a",  "b", "c",        "\"",           "\\",
                                               "\n", " ", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  std::vector<std::string> out = characters;
  for (int i = 0; i < 300; ++i) {
    std::string piece = maker.below(3) == 0 ? " " : "";
    for (auto parts = 2 + maker.below(4); parts-- > 0;) piece += characters[maker.below(characters.size())];
    if (!std::ranges::contains(out, piece)) out.push_back(piece);
  }
  for (int byte = 0; byte < 256; ++byte) out.emplace_back(1, static_cast<char>(byte));
  return out;
}

/// Appends a control token and an end of text, and shuffles neither.
std::shared_ptr<const Vocabulary> vocabulary_of(std::vector<std::string> pieces) {
  pieces.emplace_back();
  pieces.emplace_back("</s>");
  const auto end = static_cast<Token>(pieces.size() - 1);
  return std::make_shared<const Vocabulary>(std::move(pieces), std::vector<Token>{end});
}

void check_against_reference(std::uint64_t seed, std::vector<std::string> (*pieces_of)(GrammarMaker&)) {
  CAPTURE(seed);
  GrammarMaker maker(seed);
  const auto rules = maker.make();
  const auto gbnf = GrammarMaker::to_gbnf(rules);
  CAPTURE(gbnf);
  const auto vocabulary = vocabulary_of(pieces_of(maker));
  Pool pool;
  const auto root = parse_gbnf(pool, gbnf);
  if (!root) FAIL(root.error().message);
  Matcher matcher(std::make_shared<Constraint>(pool, *root, vocabulary));
  ReferenceMatcher reference(rules);

  std::string text;
  for (int step = 0; step < 12 && !matcher.finished(); ++step) {
    CAPTURE(text);
    const auto mask = matcher.allowed();
    std::vector<Token> allowed;
    for (Token token = 0; token < static_cast<Token>(vocabulary->size()); ++token) {
      const auto piece = vocabulary->piece(token);
      const bool expected =
          vocabulary->is_end(token) ? reference.may_end() : !piece.empty() && reference.after(piece).alive();
      if (mask->allows(token) != expected) {
        CAPTURE(piece);
        CHECK(mask->allows(token) == expected);
        return;
      }
      if (expected && !vocabulary->is_end(token)) allowed.push_back(token);
    }
    CHECK(mask->count() == allowed.size() + (reference.may_end() ? 1 : 0));
    CHECK(matcher.may_end() == reference.may_end());
    REQUIRE(!allowed.empty());

    const auto forced = matcher.forced();
    auto fork = matcher;
    auto expected = reference;
    for (const auto token : *forced) {
      for (const char byte : vocabulary->piece(token)) {
        CHECK(!expected.may_end());
        for (int other = 0; other < 256; ++other) {
          const char candidate = static_cast<char>(other);
          if (candidate != byte) CHECK(!expected.after({&candidate, 1}).alive());
        }
        expected.step(static_cast<unsigned char>(byte));
      }
      CHECK(fork.accept(token));
    }

    const auto token = allowed[maker.below(allowed.size())];
    CHECK(matcher.accept(token));
    text += vocabulary->piece(token);
    reference = reference.after(vocabulary->piece(token));
  }
  CHECK(matcher.may_end() == reference.may_end());
}

}  // namespace

TEST_CASE("masks of random grammars are those of a plain matcher over a byte-level vocabulary") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) check_against_reference(seed, byte_level_pieces);
}

TEST_CASE("masks of random grammars are those of a plain matcher over a SentencePiece vocabulary") {
  for (std::uint64_t seed = 1000; seed < 1150; ++seed) check_against_reference(seed, sentence_piece_pieces);
}

TEST_CASE("the least of a reply of billions of bytes is told without writing it") {
  GrammarMaker maker(1);
  Pool pool;
  const auto root = parse_gbnf(pool, R"(root ::= (("ab"{1000}){1000}){1000})").value();
  Constraint constraint(std::move(pool), root, vocabulary_of(byte_level_pieces(maker)));

  CHECK(constraint.least(constraint.start()) == 2'000'000'000);
  CHECK_FALSE(constraint.fits(constraint.start(), 1'000'000));
  CHECK(constraint.fits(constraint.start(), 2'000'000'000));
}
