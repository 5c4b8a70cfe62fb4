#include "pattern_text.hpp"

#include "pattern_fault.hpp"
#include "pattern_program.hpp"

#include <format>
#include <string>

namespace dspy::patterns {

std::optional<CharacterSet> PatternText::shorthand(char32_t letter) {
  CharacterSet out;
  switch (letter | 0x20) {
    case 'd': out = set_of('0', '9'); break;
    case 'w': out = words(); break;
    case 's': out = spaces(); break;
    default: return std::nullopt;
  }
  if (letter < 'a') out.negate();
  return out;
}

char32_t PatternText::escaped(std::size_t start) {
  if (at_end()) fail("ends in a backslash", start, R"(write a backslash as `\\`)");
  const auto c = next_character(text_, position_);
  switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'f': return '\f';
    case 'v': return '\v';
    case '0': return 0;
    case 'x': return hexadecimal(start, 2);
    case 'u': return hexadecimal(start, 4);
    default: break;
  }
  if (is_word(c) || c >= 128)
    fail(std::format(R"(has an escape `{}` that is not known)", text_.substr(start, position_ - start)), start,
         R"(write a backslash as `\\`)");
  return c;
}

char32_t PatternText::hexadecimal(std::size_t start, std::size_t digits) {
  const bool is_braced = take('{');
  if (is_braced) {
    const auto closer = text_.find('}', position_);
    digits = closer == std::string_view::npos ? 0 : closer - position_;
  }
  const auto end = position_ + digits;
  char32_t value = 0;
  bool fine = digits > 0 && digits <= 6 && end <= text_.size();
  for (; fine && position_ < end; ++position_) {
    const char c = text_[position_];
    const char lower = static_cast<char>(c | 0x20);
    fine = (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
    value = value * 16 + static_cast<char32_t>(c <= '9' ? c - '0' : lower - 'a' + 10);
  }
  if (!fine || value > last_code_point)
    fail("has an escape that is not a code point", start, R"(write it as `\x41` or `\u00e4`)");
  if (is_braced) ++position_;
  return value;
}

CharacterSet PatternText::bracketed(std::size_t start) {
  CharacterSet out;
  const bool negated = take('^');
  for (bool first = true; first || at_end() || here() != ']'; first = false) {
    if (at_end()) fail("has a `[` that is not closed", start, "add a `]`");
    const auto place = position_;
    const auto low = bracketed_character(out);
    if (!low || here() != '-' || position_ + 1 >= text_.size() || text_[position_ + 1] == ']') {
      if (low) out.add(*low, *low);
      continue;
    }
    ++position_;
    const auto high = bracketed_character(out);
    if (!high || *high < *low) fail("has a range whose end is below its start", place, "swap its ends");
    out.add(*low, *high);
  }
  ++position_;
  if (ignore_case_) out.ignore_case();
  if (negated) out.negate();
  return out;
}

std::optional<char32_t> PatternText::bracketed_character(CharacterSet& out) {
  const auto start = position_;
  const auto c = next_character(text_, position_);
  if (c != '\\') return c;
  if (!at_end()) {
    if (const auto found = shorthand(static_cast<unsigned char>(here()))) {
      ++position_;
      out.add(*found);
      return std::nullopt;
    }
    if (take('b')) return '\b';
  }
  return escaped(start);
}

void PatternText::fail(std::string_view what, std::size_t position, std::string_view remedy) const {
  throw PatternFault{.what = std::string(what), .position = position, .remedy = std::string(remedy)};
}

}  // namespace dspy::patterns
