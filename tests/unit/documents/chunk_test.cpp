#include "dspy/retrieve/documents/chunk.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

namespace {

std::vector<std::string> texts(std::string_view text, const ChunkOptions& options) {
  std::vector<std::string> out;
  for (const auto& each : chunk(text, options)) out.emplace_back(each.text_in(text));
  return out;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Words, and pieces of long ones: a tokenizer whose counts do not simply add up.
std::size_t count_tokens(std::string_view text) {
  std::size_t tokens = 0, run = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n') {
      run = 0;
    } else if (run++ % 5 == 0) {
      ++tokens;
    }
  }
  return tokens;
}

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/// The promises of chunk.hpp.
void check_promises(std::string_view text, const ChunkOptions& options) {
  CAPTURE(text);
  CAPTURE(to_string(options.method));
  CAPTURE(options.tokens);
  std::vector<bool> covered(text.size());
  std::size_t last_begin = 0;
  for (const auto& each : chunk(text, options)) {
    REQUIRE(each.begin < each.end);
    REQUIRE(each.end <= text.size());
    CHECK(each.begin >= last_begin);
    last_begin = each.begin;
    const auto piece = each.text_in(text);
    CHECK_FALSE(text::invalid_utf8(piece));
    const auto size = options.count ? options.count(piece) : characters(piece);
    if (characters(piece) > 1) CHECK(size <= options.tokens * (options.count ? 1 : 4));
    std::fill(covered.begin() + static_cast<std::ptrdiff_t>(each.begin),
              covered.begin() + static_cast<std::ptrdiff_t>(each.end), true);
  }
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!covered[i] && !is_space(text[i])) FAIL_CHECK("byte " << i << " is in no chunk");
}

std::string random_text(Random& random) {
  static const std::vector<std::string> parts = {"word",       "a",
                                                 "Ein",        " ",
                                                 " ",          "  ",
                                                 "\n",         "\n\n",
                                                 "\r\n",       "\r\n\r\n",
                                                 ". ",         "! ",
                                                 "é",          "日本。",
                                                 "🙂",         "e.g.",
                                                 "# ",         "## ",
                                                 "\n# Head\n", "\n```\n",
                                                 "\n~~~~\n",   "---\n",
                                                 "===\n",      "1. ",
                                                 "\t",         "longer_words_that_have_no_blank_at_all_in_them"};
  std::string out;
  for (auto left = random.below(60); left > 0; --left) out += parts[random.below(parts.size())];
  return out;
}

/// Vectors by subject: one axis for texts about cats, another for the rest.
class SubjectEmbedder final : public Embedder {
 public:
  std::string_view model() const noexcept override { return "subjects"; }
  std::size_t dimensions() const noexcept override { return 2; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (const auto& text : request.texts) {
      const float cats = text.contains("cat") ? 1.0F : 0.0F, stars = text.contains("star") ? 1.0F : 0.0F;
      out.vectors.push_back({cats + 0.01F, stars + 0.01F});
    }
    co_return out;
  }
};

}  // namespace

TEST_CASE("Chunks keep their promises for texts of all kinds") {
  Random random(7);
  for (int round = 0; round < 400; ++round) {
    const auto text = random_text(random);
    for (const auto method :
         {ChunkMethod::recursive, ChunkMethod::markdown, ChunkMethod::sentences, ChunkMethod::fixed}) {
      for (const std::size_t tokens : {1, 3, 10, 1000}) {
        const double overlap = static_cast<double>(random.below(4)) * 0.25;
        check_promises(text, {.method = method, .tokens = tokens, .overlap = overlap});
        check_promises(text, {.method = method, .tokens = tokens, .overlap = overlap, .count = count_tokens});
      }
    }
  }
}

TEST_CASE("The recursive chunker keeps paragraphs, then lines, then sentences, then words together") {
  const ChunkOptions plain{.method = ChunkMethod::recursive, .tokens = 5, .overlap = 0};
  CHECK(texts("one two\n\nthree four\n\nfive", plain) == std::vector<std::string>{"one two\n\nthree four", "five"});
  CHECK(texts("One two. Three four five six.", plain) == std::vector<std::string>{"One two.", "Three four five six."});
  CHECK(texts("abcdefghijklmnopqrstuvwxyz", plain) == std::vector<std::string>{"abcdefghijklmnopqrst", "uvwxyz"});
  CHECK(texts("  \n \t\n", plain).empty());
  CHECK(texts("", plain).empty());
}

TEST_CASE("Chunks repeat the end of the one before, as far as the overlap allows") {
  const auto found =
      texts("aaaa bbbb cccc dddd eeee ffff", {.method = ChunkMethod::recursive, .tokens = 5, .overlap = 0.5});
  CHECK(found == std::vector<std::string>{"aaaa bbbb cccc dddd", "cccc dddd eeee ffff"});
  CHECK(texts("abcdefghij", {.method = ChunkMethod::fixed, .tokens = 1, .overlap = 0.5}) ==
        std::vector<std::string>{"abcd", "cdef", "efgh", "ghij"});
}

TEST_CASE("Markdown is cut under its headings, which every chunk knows") {
  const std::string text =
      "# Guide\n\nHello.\n\n## Setup\n\nInstall it.\n\n```sh\n# not a heading\n\nmake\n```\n\nUse\n---\n\nRun it.\n";
  const auto found = chunk(text, {.method = ChunkMethod::markdown});
  REQUIRE(found.size() == 3);
  CHECK(found[0].text_in(text) == "# Guide\n\nHello.");
  CHECK(found[0].headings == std::vector<std::string>{"Guide"});
  CHECK(found[1].text_in(text) == "## Setup\n\nInstall it.\n\n```sh\n# not a heading\n\nmake\n```");
  CHECK(found[1].headings == std::vector<std::string>{"Guide", "Setup"});
  CHECK(found[2].headings == std::vector<std::string>{"Guide", "Use"});
}

TEST_CASE("A fenced block that fits is not cut, and a long one between lines or not at all") {
  const std::string fence = "```\naaaa aaaa\n\nbbbb bbbb\n```";
  const std::string text = "Some words before it all.\n\n" + fence + "\n\nSome words after it all.";
  CHECK(std::ranges::count(texts(text, {.method = ChunkMethod::markdown, .tokens = 8}), fence) == 1);
  const ChunkOptions small{.method = ChunkMethod::markdown, .tokens = 4, .overlap = 0};
  const auto cut = texts(text, small);
  CHECK(std::ranges::count(cut, "bbbb bbbb\n```") == 1);
  auto whole = small;
  whole.cuts_long_fences = false;
  CHECK(std::ranges::count(texts(text, whole), fence) == 1);
}

TEST_CASE("Sentences end at their marks, not after abbreviations, initials and numbers") {
  struct Case {
    std::string text;
    std::vector<std::string> sentences;
  };
  const std::vector<Case> cases = {
      {"One. Two! Three?", {"One. ", "Two! ", "Three?"}},
      {"Dr. A. Smith paid 3.50 to Mr. Jones, e.g. Then he left.",
       {"Dr. A. Smith paid 3.50 to Mr. Jones, e.g. Then he left."}},
      {"He said \"Go.\" She went.", {"He said \"Go.\" ", "She went."}},
      {"1. First item\n2. Second item", {"1. First item\n2. Second item"}},
      {"第一。第二！", {"第一。", "第二！"}},
      {"A title\n\nThe text", {"A title\n\n", "The text"}},
      {"Wait... what? Yes.", {"Wait... ", "what? ", "Yes."}},
      {"See a.b and v1.2.3 there. Good.", {"See a.b and v1.2.3 there. ", "Good."}},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    std::vector<std::string> found;
    for (const auto& each : sentences(text)) found.emplace_back(each.text_in(text));
    CHECK(found == expected);
  }
}

TEST_CASE("Semantic chunks part where the subject changes") {
  const std::string text =
      "A cat sleeps. The cat eats. Every cat purrs. A star shines. The star is far. Any star burns.";
  const auto found = wait(semantic_chunks(text, std::make_shared<SubjectEmbedder>(), {.percentile = 70, .window = 0}));
  REQUIRE(found.size() == 2);
  CHECK(found[0].text_in(text) == "A cat sleeps. The cat eats. Every cat purrs.");
  CHECK(found[1].text_in(text) == "A star shines. The star is far. Any star burns.");
}

TEST_CASE("Options and texts that cannot be cut are refused") {
  CHECK_THROWS_WITH_AS(chunk("a", {.tokens = 0}), "chunks of 0 tokens are empty; allow at least 1", Error);
  CHECK_THROWS_AS(chunk("a", {.overlap = 1}), Error);
  CHECK_THROWS_AS(chunk("a", {.overlap = -0.1}), Error);
  CHECK_THROWS_WITH_AS(chunk("ab\xff", {}), "byte 2 of the text to cut is not UTF-8", Error);
  CHECK_THROWS_AS(wait(semantic_chunks("a", nullptr)), Error);
}

TEST_CASE("Lines are found by position") {
  const LineIndex lines("ab\ncd\n\nef", 10);
  CHECK(lines.line_of(0) == 10);
  CHECK(lines.line_of(2) == 10);
  CHECK(lines.line_of(3) == 11);
  CHECK(lines.line_of(7) == 13);
}
