#include "llama/mask/grammars/regex.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace dspy::llama::mask;
using dspy::test::accepts;

namespace {

bool matches(std::string_view pattern, std::string_view text, Match match = Match::whole) {
  Pool pool;
  const auto expr = parse_regex(pool, pattern, match);
  REQUIRE(expr.has_value());
  return accepts(pool, *expr, text);
}

}  // namespace

TEST_CASE("a regular expression holds the texts that all of it matches") {
  struct Case {
    std::string pattern;
    std::vector<std::string> holds;
    std::vector<std::string> refuses;
  };
  const std::vector<Case> cases = {
      {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"(ab)*c?", {"", "c", "ababc", "abab"}, {"a", "abcab"}},
      {"a+?b*?", {"a", "aab"}, {"", "b"}},
      {"a{2}", {"aa"}, {"a", "aaa"}},
      {"a{2,}", {"aa", "aaaa"}, {"a"}},
      {"a{,2}", {"", "aa"}, {"aaa"}},
      {"a{1,3}b", {"ab", "aaab"}, {"b", "aaaab"}},
      {"a{x}", {"a{x}"}, {"a"}},
      {"[a-c_]+", {"abc_"}, {"d", ""}},
      {"[^a-c]", {"d", "\n", "\xE2\x82\xAC"}, {"a", "dd", "\xE2\x82"}},
      {"[]a]+", {"]a"}, {"b"}},
      {"[a\\-z]", {"a", "-", "z"}, {"b"}},
      {"[a-]", {"a", "-"}, {"b"}},
      {R"(\d{3}-\w+)", {"123-a_9"}, {"12-a", "123-", "\xD9\xA3\xD9\xA3\xD9\xA3-a"}},
      {R"(\S+\s\D\W)", {"ab x!", "\xC3\xA9\ty-"}, {"ab  1!"}},
      {".", {"a", "\xC3\xA9", "\xF0\x9F\x98\x80"}, {"\n", "ab", "\xC3"}},
      {R"([\u00e9-\u00eb])", {"\xC3\xA9", "\xC3\xAA", "\xC3\xAB"}, {"\xC3\xA8", "\xC3\xAC"}},
      {R"([\u0400-\uffff])", {"\xD0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF"}, {"\xED\xA0\x80", "a"}},
      {R"([\U0001F600-\U0001F64F])",
       {"\xF0\x9F\x98\x80", "\xF0\x9F\x99\x8F"},
       {"\xF0\x9F\x99\x90", "\xF0\x9F\x97\xBF"}},
      {R"(\x41\t\.\$)", {"A\t.$"}, {"A\tx$"}},
      {"^abc$", {"abc"}, {"ab"}},
      {"^a|b$", {"a", "b"}, {"ab"}},
      {"(?:a|b)(?P<name>c)(?<other>d)", {"acd", "bcd"}, {"ad"}},
  };
  for (const auto& [pattern, holds, refuses] : cases) {
    CAPTURE(pattern);
    for (const auto& text : holds) {
      CAPTURE(text);
      CHECK(matches(pattern, text));
    }
    for (const auto& text : refuses) {
      CAPTURE(text);
      CHECK_FALSE(matches(pattern, text));
    }
  }
}

TEST_CASE("a pattern without anchors matches a part, as a field's pattern does") {
  CHECK(matches("b+", "abbc", Match::part));
  CHECK_FALSE(matches("b+", "ac", Match::part));
  CHECK(matches("^b+", "bbc", Match::part));
  CHECK_FALSE(matches("^b+", "abb", Match::part));
  CHECK(matches("b+$", "abb", Match::part));
  CHECK_FALSE(matches("b+$", "abbc", Match::part));
  CHECK(matches("^a$|x", "box", Match::part));
  CHECK_FALSE(matches("^a$|x", "aa", Match::part));
}

TEST_CASE("what a mask cannot hold is refused with its place") {
  struct Case {
    std::string pattern;
    std::string message;
    std::size_t position;
  };
  const std::vector<Case> cases = {
      {"a(?=b)", "looking around cannot be held by a mask", 1},
      {"a(?!b)", "looking around cannot be held by a mask", 1},
      {"(?<=a)b", "looking around cannot be held by a mask", 0},
      {"(?i)a", "flags, conditions and back references cannot be held by a mask", 0},
      {"(a)\\1", "back references cannot be held by a mask", 3},
      {"\\bword", "`\\b` cannot be held by a mask", 0},
      {"a**", "one quantifier follows another", 2},
      {"a*+", "possessive quantifiers cannot be held by a mask", 2},
      {"*a", "`*` has nothing to repeat; write `\\*` for the character", 0},
      {"(ab", "`(` is not closed", 0},
      {"ab)", "`)` closes nothing; write `\\)` for the character", 2},
      {"[ab", "`[` is not closed", 0},
      {"[b-a]", "`b-a` is not a range", 1},
      {"[[:alpha:]]", "named classes are not understood; write `\\d`, `\\w`, `\\s` or the characters", 1},
      {"a^b", "`^` can stand at the start of the expression only", 1},
      {"(^a)", "`^` can stand at the start of the expression only", 1},
      {"a$b", "`$` can stand at the end of the expression only", 1},
      {"a{3,2}", "`{3,2}` asks for more than it allows", 1},
      {"a{1000000}", "more than 100000 repetitions", 2},
      {"\\u12", "`\\u` needs 4 hexadecimal digits", 0},
      {"a\\", "`\\` has nothing to escape", 1},
      {"\xFF", "is not UTF-8", 0},
  };
  for (const auto& [pattern, message, position] : cases) {
    CAPTURE(pattern);
    Pool pool;
    const auto expr = parse_regex(pool, pattern, Match::whole);
    REQUIRE_FALSE(expr.has_value());
    CHECK(expr.error().message == message);
    CHECK(expr.error().position == position);
  }
}
