#include "llama/jinja/parsing/string_literal.hpp"

#include "dspy/base/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::llama::jinja {
namespace {

constexpr std::string_view letters = "abfnrtv\\'\"";
constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\'\"";

std::string utf8(std::uint32_t point) {
  const auto one = static_cast<char32_t>(point);
  return text::to_utf8({&one, 1});
}

/// `digits` as a number of that base, if they are that.
std::optional<std::uint32_t> number_of(std::string_view digits, int base) noexcept {
  std::uint32_t number = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number, base);
  if (error != std::errc{} || parsed != end || number > 0x10ffff || (number >= 0xd800 && number < 0xe000))
    return std::nullopt;
  return number;
}

/// How many bytes of an escape, after its backslash, were read; 0 if it is none.
std::size_t read_escape(std::string_view escape, std::string& out) {
  const char kind = escape.front();
  if (kind == '\n') return 1;  // a line that goes on
  if (const auto found = letters.find(kind); found != std::string_view::npos) {
    out += meanings[found];
    return 1;
  }
  if (kind >= '0' && kind <= '7') {
    const auto size =
        std::min<std::size_t>({3, escape.size(), std::min(escape.find_first_not_of("01234567"), escape.size())});
    if (const auto point = number_of(escape.substr(0, size), 8)) out += utf8(*point);
    return size;
  }
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits == 0 || escape.size() < 1 + digits) return 0;
  const auto point = number_of(escape.substr(1, digits), 16);
  if (!point) return 0;
  out += utf8(*point);
  return 1 + digits;
}

}  // namespace

std::optional<std::size_t> string_size(std::string_view text) noexcept {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == text.front())
      return i + 1;
  }
  return std::nullopt;
}

std::string string_value(std::string_view inside) {
  std::string out;
  out.reserve(inside.size());
  while (!inside.empty()) {
    const auto plain = std::min(inside.find('\\'), inside.size());
    out += inside.substr(0, plain);
    inside.remove_prefix(plain);
    if (inside.empty()) break;
    const auto size = inside.size() < 2 ? 0 : read_escape(inside.substr(1), out);
    if (size == 0) out += '\\';
    inside.remove_prefix(1 + size);
  }
  return out;
}

}  // namespace dspy::llama::jinja
