#include "dspy/signature/pattern.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;

TEST_CASE("A pattern is found in a text as Python, Rust and ECMAScript find it") {
  struct Case {
    std::string pattern;
    std::vector<std::string_view> found;
    std::vector<std::string_view> missed;
  };
  const std::vector<Case> cases = {
      {"abc", {"abc", "xabcx", "ababc"}, {"", "ab", "a b c"}},
      {"^abc$", {"abc"}, {"xabc", "abcx", "abc\n"}},
      {"^$", {""}, {"a"}},
      {"a|bc|", {"", "a", "bc", "x"}, {}},
      {"^(a|bc)$", {"a", "bc"}, {"", "ab", "abc"}},
      {"^(?:a|b)*$", {"", "a", "abba"}, {"abc"}},
      {"^(?P<x>a)(?<y>b)$", {"ab"}, {"a"}},
      {"^a+b?c*$", {"a", "aab", "abcc", "aacc"}, {"", "b", "abb"}},
      {"^a{2}$", {"aa"}, {"a", "aaa"}},
      {"^a{2,}$", {"aa", "aaaa"}, {"a"}},
      {"^a{1,3}$", {"a", "aa", "aaa"}, {"", "aaaa"}},
      {"^(ab){0,2}$", {"", "ab", "abab"}, {"aba", "ababab"}},
      {"^(a?){3}$", {"", "a", "aaa"}, {"aaaa"}},
      {"^a{0}$", {""}, {"a"}},
      {"^a+?b*?$", {"a", "aab"}, {"b"}},
      {"^a{,2}$", {"a{,2}"}, {"aa"}},
      {"{x}", {"{x}"}, {"x"}},
      {"^.$", {"a", "ä", "€", "😀"}, {"", "ab", "\n"}},
      {"^[abc]$", {"a", "c"}, {"d", "ab"}},
      {"^[^abc]$", {"d", "ä", "\n"}, {"a", ""}},
      {"^[a-cx-z]+$", {"abcxyz"}, {"d"}},
      {"^[]a]+$", {"]a"}, {"b"}},
      {"^[a-]+$", {"a-"}, {"b"}},
      {R"(^[\]\\-]+$)", {R"(]\-)"}, {"a"}},
      {R"(^[\d_]+$)", {"1_2"}, {"a"}},
      {R"(^[^\s]+$)", {"ab"}, {"a b"}},
      {"^[ä-ü]$", {"ö"}, {"a", "z"}},
      {"^[^ä]$", {"ö", "a", "😀"}, {"ä"}},
      {"^[ä-öo-ü]$", {"p", "ü", "ö"}, {"a"}},
      {R"(^\d{3}-\d{4}$)", {"555-1234"}, {"555-123", "5555-1234"}},
      {R"(^\w+@\w+\.\w+$)", {"a_1@b.c"}, {"a@b", "@b.c"}},
      {R"(\s)", {"a b", "a\tb", "a\nb"}, {"ab"}},
      {R"(^\S\D\W$)", {"aa-"}, {"a1-", " a-", "aaa"}},
      {R"(\bcat\b)", {"cat", "a cat!", "cat dog"}, {"concat", "cats", "cat_"}},
      {R"(\Bcat)", {"concat"}, {"cat", "a cat"}},
      {R"(\Aa\z)", {"a"}, {"ba", "ab"}},
      {R"(^\x41\u00e4\x{1F600}\u{42}$)", {"Aä😀B"}, {"A"}},
      {R"(^\x41}$)", {"A}"}, {"A"}},
      {R"(^\n\t\r\f\v\0$)", {std::string_view("\n\t\r\f\v\0", 6)}, {"n"}},
      {R"([\b])", {"\b"}, {"b"}},
      {R"(^\.\*\+\?\(\)\[\]\{\}\|\^\$\/\-$)", {".*+?()[]{}|^$/-"}, {"a"}},
      {"(?i)^straße [a-c]$", {"Straße B", "STRAßE c"}, {"strasse a", "straße d"}},
      {"(?i)^[^k]$", {"a"}, {"k", "K"}},
      {"(^a|b)c", {"ac", "xbc"}, {"xac"}},
      {"x*$", {"", "yxx", "y"}, {}},
      {"(a*)*b", {"b", "aab"}, {"aa"}},
      {"(|a)+b", {"ab", "b"}, {"a"}},
  };
  for (const auto& [expression, found, missed] : cases) {
    CAPTURE(expression);
    const Pattern pattern(expression);
    for (const auto text : found) {
      CAPTURE(text);
      CHECK(pattern.is_found_in(text));
    }
    for (const auto text : missed) {
      CAPTURE(text);
      CHECK_FALSE(pattern.is_found_in(text));
    }
  }
}

TEST_CASE("No pattern matches everything, and patterns compare by their text") {
  CHECK(Pattern().empty());
  CHECK(Pattern("").empty());
  CHECK(Pattern().is_found_in("anything"));
  CHECK(Pattern() == Pattern(""));
  CHECK(Pattern("a") == Pattern("a"));
  CHECK_FALSE(Pattern("a") == Pattern("b"));
  CHECK(Pattern("^a$").text() == "^a$");
}

TEST_CASE("A pattern that cannot be used is refused with its position and the remedy") {
  struct Case {
    std::string expression;
    std::size_t position;
    std::string_view what;
  };
  const std::vector<Case> cases = {
      {"a(b", 1, "has a `(` that is not closed at byte 1 of it; add a `)`"},
      {"ab)", 2, "has a `)` too many"},
      {"[a", 0, "has a `[` that is not closed"},
      {"x[z-a]", 2, "has a range whose end is below its start at byte 2 of it; swap its ends"},
      {R"([a-\d])", 1, "has a range whose end is below its start"},
      {"*a", 0, R"(repeats nothing at byte 0 of it; write the character as `\*`)"},
      {"a|+", 2, "repeats nothing"},
      {"a**", 2, "repeats a repetition"},
      {"a+{2}", 2, "repeats a repetition"},
      {"a?\?*", 3, "repeats a repetition"},
      {"a++", 2, "repeats without going back"},
      {"^*", 0, "repeats a place"},
      {R"(\b+)", 0, "repeats a place"},
      {"a{3,2}", 1, "has a repetition whose maximum is below its minimum"},
      {"a{1001}", 2, "repeats more than 1000 times"},
      {"(a{1000}){1000}", 0, "has more than 4096 steps"},
      {R"((a)\1)", 3, "refers to a group at byte 3 of it; write out what the group matches"},
      {"(?P=x)", 0, "refers to a group"},
      {"(?=a)", 0, "looks ahead or behind at byte 0 of it; use a validator of your own for that"},
      {"(?!a)", 0, "looks ahead or behind"},
      {"(?<=a)", 0, "looks ahead or behind"},
      {"(?<!a)", 0, "looks ahead or behind"},
      {"(?<x", 0, "has a group with an unterminated name"},
      {"a(?s)", 1, "has a kind of group that is not known"},
      {R"(\q)", 0, R"(has an escape `\q` that is not known)"},
      {R"(\p{L})", 0, R"(has an escape `\p` that is not known)"},
      {"a\\", 1, "ends in a backslash"},
      {R"(\xZZ)", 0, "has an escape that is not a code point"},
      {R"(\x{110000})", 0, "has an escape that is not a code point"},
      {R"(\x{41)", 0, "has an escape that is not a code point"},
      {R"(\u12)", 0, "has an escape that is not a code point"},
      {"a\xFF", 1, "is not UTF-8"},
      {std::string(101, '('), 100, "has groups nested too deep"},
  };
  for (const auto& [expression, position, what] : cases) {
    CAPTURE(expression);
    const auto result = attempt([&] { return Pattern(expression); });
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Errc::signature_error);
    CHECK(result.error().info().position == position);
    CHECK_MESSAGE(std::string_view(result.error().what()).starts_with("the pattern " + std::string(what)),
                  result.error().what());
  }
}

TEST_CASE("Expressions that make others search for ever take time in proportion to the text") {
  const std::string text(100'000, 'a');
  for (const auto* expression : {"^(a+)+$b", "(a|aa)+b", "(a*)*b", "(.*)(.*)(.*)(.*)(.*)x", "^(a?){30}a{30}b"}) {
    CAPTURE(expression);
    const Pattern pattern(expression);
    CHECK_FALSE(pattern.is_found_in(text));
  }
}

TEST_CASE("A long expression works like a short one") {
  std::string expression = "^(";
  for (int i = 0; i < 300; ++i) expression += "word" + std::to_string(i) + "|";
  expression += "end)$";
  const Pattern pattern(expression);

  CHECK(pattern.is_found_in("word299"));
  CHECK(pattern.is_found_in("end"));
  CHECK_FALSE(pattern.is_found_in("word300"));
}
