#include "dspy/base/text.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dspy;
using namespace std::string_literals;

namespace {

const std::string fffd = "\xEF\xBF\xBD";

}  // namespace

TEST_CASE("trim takes white space off both ends and nowhere else") {
  CHECK(text::trim(" \t\r\n a b \n") == "a b");
  CHECK(text::trim("a") == "a");
  CHECK(text::trim(" \n ").empty());
  CHECK(text::trim("").empty());
  CHECK(text::trim("\xC2\xA0x") == "\xC2\xA0x");
}

TEST_CASE("Letter case is compared and changed for ASCII only") {
  CHECK(text::equals_ignoring_case("Order ID", "oRDER id"));
  CHECK_FALSE(text::equals_ignoring_case("order", "orders"));
  CHECK_FALSE(text::equals_ignoring_case("[", "{"));
  CHECK_FALSE(text::equals_ignoring_case("\xC3\x84", "\xC3\xA4"));
  CHECK(text::to_lower("AbC-\xC3\x84") == "abc-\xC3\x84");
}

TEST_CASE("invalid_utf8 finds the byte where a text stops being UTF-8") {
  struct Case {
    std::string text;
    std::optional<std::size_t> position;
  };
  const std::vector<Case> cases = {
      {"", std::nullopt},
      {"plain words, long enough for the fast road", std::nullopt},
      {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", std::nullopt},
      {"\x00 is a character"s, std::nullopt},
      {"\xEF\xBF\xBF\xF4\x8F\xBF\xBF", std::nullopt},
      {"abcdefgh\xFF", 8},
      {"\x80", 0},
      {"ab\xC3", 2},
      {"ab\xC3 ", 2},
      {"\xC0\xAF", 0},           // overlong
      {"\xE0\x80\xAF", 0},       // overlong
      {"\xF0\x80\x80\xAF", 0},   // overlong
      {"x\xED\xA0\x80", 1},      // a surrogate
      {"x\xF4\x90\x80\x80", 1},  // above U+10FFFF
      {"\xF5\x80\x80\x80", 0},
      {"\xE2\x82\xAC\xE2\x82", 3},
  };
  for (const auto& [text, position] : cases) {
    CAPTURE(text);
    CHECK(text::invalid_utf8(text) == position);
  }
}

TEST_CASE("to_words makes a label of an identifier") {
  struct Case {
    std::string_view identifier;
    std::string_view words;
  };
  const std::vector<Case> cases = {
      {"question", "Question"},
      {"order_id", "Order id"},
      {"orderId", "Order id"},
      {"OrderId", "Order id"},
      {"user_ID", "User ID"},
      {"userID", "User ID"},
      {"HTMLParser", "HTML parser"},
      {"parseHTML2Text", "Parse HTML 2 text"},
      {"reasoning_attempt_1", "Reasoning attempt 1"},
      {"answer2", "Answer 2"},
      {"__private__name_", "Private name"},
      {"planB", "Plan B"},
      {"x", "X"},
      {"_", "_"},
      {"", ""},
  };
  for (const auto& [identifier, words] : cases) {
    CAPTURE(identifier);
    CHECK(text::to_words(identifier) == words);
  }
}

TEST_CASE("nearest finds the word that was meant, or none") {
  const std::vector<std::string> types = {"str", "int", "float", "bool", "list", "dict", "Literal", "Optional"};
  struct Case {
    std::string_view word;
    std::optional<std::string> meant;
  };
  const std::vector<Case> cases = {
      {"flaot", "float"},
      {"Float", "float"},
      {"flot", "float"},
      {"lits", "list"},
      {"optinal", "Optional"},
      {"STR", "str"},
      {"sr", std::nullopt},
      {"tensor", std::nullopt},
      {"", std::nullopt},
      {"x", std::nullopt},
      {std::string_view(), std::nullopt},
  };
  for (const auto& [word, meant] : cases) {
    CAPTURE(word);
    CHECK(text::nearest(word, types) == meant);
  }
  CHECK_FALSE(text::nearest(std::string(100'000, 'a'), std::vector{std::string(100'000, 'a')}));
  CHECK_FALSE(text::nearest("word", {}));
}

TEST_CASE("enumerate joins items as a sentence does") {
  CHECK(text::enumerate({}) == "");
  CHECK(text::enumerate(std::vector{"a"s}) == "a");
  CHECK(text::enumerate(std::vector{"a"s, "b"s}) == "a or b");
  CHECK(text::enumerate(std::vector{"a"s, "b"s, "c"s}, "`", "and") == "`a`, `b` and `c`");
}

TEST_CASE("Utf8Buffer hands out only whole characters") {
  text::Utf8Buffer buffer;

  CHECK(buffer.push("a\xE2\x82") == "a");
  CHECK(buffer.push("\xAC!") == "\xE2\x82\xAC!");
  CHECK(buffer.push("\xF0") == "");
  CHECK(buffer.push("\x9F") == "");
  CHECK(buffer.push("\x98") == "");
  CHECK(buffer.push("\x80") == "\xF0\x9F\x98\x80");
  CHECK(buffer.push("x\xFFy\xC3") == "x" + fffd + "y");
  CHECK(buffer.finish() == fffd);
  CHECK(buffer.finish() == "");
  CHECK(buffer.push("\xE2\x82z") == fffd + "z");
}

TEST_CASE("Utf8Buffer gives the same text however the bytes are cut, and always UTF-8") {
  std::mt19937 random(20260901);
  const std::vector<std::string> parts = {"a",        "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xFF",
                                          "\xE2\x82", "\x80",     "\xF0\x9F",     "\xED\xA0\x80",     "plain text"};
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 12; ++i) bytes += parts[random() % parts.size()];
    text::Utf8Buffer whole;
    auto expected = whole.push(bytes);
    expected += whole.finish();

    text::Utf8Buffer pieces;
    std::string joined;
    for (std::size_t i = 0; i < bytes.size();) {
      const std::size_t length = 1 + random() % 4;
      const auto piece = pieces.push(std::string_view(bytes).substr(i, length));
      CHECK_FALSE(text::invalid_utf8(piece));
      joined += piece;
      i += length;
    }
    joined += pieces.finish();

    CHECK(joined == expected);
    if (!text::invalid_utf8(bytes)) CHECK(joined == bytes);
  }
}
