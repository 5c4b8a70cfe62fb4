#include "adapters/coercion/numbers.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace dspy {
namespace {

using text::is_digit;

/// The digits before the point without separators, or nothing if the separators are misplaced.
struct Whole {
  std::string digits;
  bool grouped = false;
};

std::optional<Whole> read_whole(std::string_view text) {
  Whole out;
  const auto separator = text.find_first_of(",_");
  if (separator == std::string_view::npos) {
    out.digits = text;
    return out;
  }
  const char mark = text[separator];
  out.grouped = true;
  std::size_t group = 0;
  std::size_t groups = 0;
  for (const char c : text) {
    if (is_digit(c)) {
      out.digits += c;
      ++group;
      continue;
    }
    const bool first = groups++ == 0;
    if (c != mark || group == 0) return std::nullopt;
    if (mark == ',' && (first ? group > 3 || text[0] == '0' : group != 3)) return std::nullopt;
    group = 0;
  }
  if (group == 0 || (mark == ',' && group != 3)) return std::nullopt;
  return out;
}

/// How many digits a float holds, whichever they are.
constexpr std::size_t most_exact_digits = 15;

/// How much of a number is an integer that equals it (of `-12.00` three characters), if that can
/// be seen at the digits.
std::optional<std::size_t> whole_digits(std::string_view number) noexcept {
  const auto point = std::min(number.find('.'), number.size());
  if (number.find_first_of("eE") != std::string_view::npos) return std::nullopt;
  if (number.find_first_not_of('0', point + 1) != std::string_view::npos) return std::nullopt;
  return point;
}

/// How many characters of `text` from `at` on are of the kind.
template <class Predicate>
std::size_t count(std::string_view text, std::size_t at, Predicate is_kind) {
  auto end = at;
  while (end < text.size() && is_kind(text[end])) ++end;
  return end - at;
}

}  // namespace

std::optional<WrittenNumber> read_number(std::string_view text) {
  constexpr std::string_view minus = "\xE2\x88\x92";  // −
  WrittenNumber out;
  std::string plain;
  if (text.starts_with(minus)) {
    out.unusual_minus = true;
    plain = '-';
    text.remove_prefix(minus.size());
  } else if (text.starts_with('-') || text.starts_with('+')) {
    if (text[0] == '-') plain = '-';
    text.remove_prefix(1);
  }

  const auto whole_size = count(text, 0, [](char c) { return is_digit(c) || c == ',' || c == '_'; });
  const auto whole = read_whole(text.substr(0, whole_size));
  if (!whole) return std::nullopt;
  out.grouped = whole->grouped;
  out.leading_zeros = whole->digits.size() > 1 && whole->digits[0] == '0';
  plain += whole->digits.empty() ? "0" : whole->digits;

  auto at = whole_size;
  out.plain_integer = at == text.size() && at != 0;
  if (at < text.size() && text[at] == '.') {
    const auto digits = count(text, at + 1, is_digit);
    const bool has_exponent = at + 1 < text.size() && (text[at + 1] == 'e' || text[at + 1] == 'E');
    if (digits == 0 && (whole_size == 0 || !has_exponent)) return std::nullopt;
    if (digits != 0) plain += text.substr(at, digits + 1);
    at += digits + 1;
  } else if (whole_size == 0) {
    return std::nullopt;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const bool sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
    const auto digits = count(text, at + 1 + (sign ? 1 : 0), is_digit);
    if (digits == 0) return std::nullopt;
    const auto size = 1 + (sign ? 1 : 0) + digits;
    plain += text.substr(at, size);
    at += size;
  }
  if (at != text.size()) return std::nullopt;

  const auto* const first = plain.data();
  const auto* const last = first + plain.size();
  out.beyond_float = std::from_chars(first, last, out.value).ec != std::errc();
  if (const auto digits = whole_digits(plain)) {
    std::int64_t integer = 0;
    if (std::from_chars(first, first + *digits, integer).ec == std::errc()) out.integer = integer;
  } else if (out.beyond_float) {
    return out;
  } else if (constexpr double exact = 9007199254740992.0;  // 2^53
             plain.find_first_of("eE") != std::string::npos && plain.size() <= most_exact_digits &&
             std::abs(out.value) < exact && out.value == std::trunc(out.value)) {
    out.integer = static_cast<std::int64_t>(out.value);
  }
  return out;
}

std::optional<std::int64_t> read_prefixed_integer(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.size() < 3 || text[0] != '0') return std::nullopt;
  const char letter = text[1];
  const int base = letter == 'x' || letter == 'X'   ? 16
                   : letter == 'o' || letter == 'O' ? 8
                   : letter == 'b' || letter == 'B' ? 2
                                                    : 0;
  const auto digits = text.substr(2);
  if (base == 0 || digits[0] == '-') return std::nullopt;
  std::int64_t value = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value, base);
  if (error != std::errc() || end != last) return std::nullopt;
  return negative ? -value : value;
}

std::optional<std::int64_t> read_number_word(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 20> small = {
      "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
      "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  constexpr std::array<std::string_view, 8> tens = {"twenty", "thirty",  "forty",  "fifty",
                                                    "sixty",  "seventy", "eighty", "ninety"};
  const auto find = [](const auto& words, std::string_view word) -> std::optional<std::int64_t> {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (text::equals_ignoring_case(words[i], word)) return static_cast<std::int64_t>(i);
    }
    return std::nullopt;
  };
  if (const auto whole = find(small, text)) return whole;
  const auto joint = text.find_first_of("- ");
  const auto ten = find(tens, text.substr(0, joint));
  if (!ten) return std::nullopt;
  const auto round = (*ten + 2) * 10;
  if (joint == std::string_view::npos) return round;
  const auto unit = find(small, text.substr(joint + 1));
  return unit && *unit > 0 && *unit < 10 ? std::optional(round + *unit) : std::nullopt;
}

}  // namespace dspy
