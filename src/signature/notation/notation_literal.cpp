// The choices of a `Literal`, which are written as in Python.

#include "base/unicode/utf8.hpp"
#include "notation.hpp"

#include <charconv>
#include <cstdint>
#include <format>
#include <system_error>
#include <utility>

namespace dspy {

using namespace notation;

Type NotationReader::literal(std::size_t bracket) {
  skip_space();
  if (here() == ']') fail("`Literal[]` has no choices", bracket, "name them, such as `Literal['yes', 'no']`");
  std::vector<Json> choices;
  bool nullable = false;
  do {
    auto next = choice();
    if (next.is_null()) {
      nullable = true;
    } else {
      choices.push_back(std::move(next));
    }
  } while (!take_close(bracket));
  if (choices.empty()) fail("`None` is the only choice", bracket, "name others, such as `Literal['yes', 'no', None]`");
  auto type = Type::literal(std::move(choices));
  return nullable ? Type::optional(std::move(type)) : type;
}

Json NotationReader::choice() {
  skip_space();
  const auto start = position_;
  if (is_quote(here())) return Json(quoted());
  if (here() == '-' || here() == '+' || is_digit(here())) return integer();
  const auto name = word();
  if (name == "True") return true;
  if (name == "False") return false;
  if (name == "None") return nullptr;
  if (at_end() && name.empty()) fail("a choice is missing", start, "write it and close the `Literal` with `]`");
  fail(std::format("`{}` is not a choice", token(start)), start,
       "put words into quotes, such as `Literal['yes', 'no']`");
}

Json NotationReader::integer() {
  const auto start = position_;
  if (here() == '+') ++position_;
  std::int64_t value = 0;
  const auto* const begin = text_.data() + position_;
  const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  const auto next = position_ + static_cast<std::size_t>(stop - begin);
  if (error == std::errc::result_out_of_range)
    fail(std::format("the choice `{}` is beyond 64 bits", token(start)), start, "put it into quotes");
  if (error != std::errc() || (next < text_.size() && (text_[next] == '.' || is_name_part(text_[next]))))
    fail(std::format("the choice `{}` is not an integer", token(start)), start, "put it into quotes");
  position_ = next;
  return value;
}

std::string NotationReader::quoted() {
  const auto start = position_;
  const char quote = text_[position_++];
  std::string out;
  while (true) {
    if (at_end() || here() == '\n' || here() == '\r')
      fail(std::format("the text that starts with {} is not closed", quote), start,
           std::format("add a {} after it", quote));
    const char c = text_[position_++];
    if (c == quote) return out;
    if (c == '\\' && !at_end()) {
      escape(out);
    } else {
      out += c;
    }
  }
}

/// Python's `r'…'`, in which a backslash is one.
std::string NotationReader::raw_quoted() {
  const auto start = position_;
  const char quote = text_[position_++];
  const auto end = text_.find(quote, position_);
  if (end == std::string_view::npos)
    fail(std::format("the text that starts with {} is not closed", quote), start,
         std::format("add a {} after it", quote));
  std::string out(text_.substr(position_, end - position_));
  position_ = end + 1;
  return out;
}

void NotationReader::escape(std::string& out) {
  const auto start = position_ - 1;
  const char letter = text_[position_++];
  std::size_t digits = 0;
  switch (letter) {
    case '\\':
    case '\'':
    case '"': out += letter; return;
    case 'n': out += '\n'; return;
    case 't': out += '\t'; return;
    case 'r': out += '\r'; return;
    case 'x': digits = 2; break;
    case 'u': digits = 4; break;
    case 'U': digits = 8; break;
    default: break;
  }
  std::uint32_t code = 0;
  const auto hex = text_.substr(position_, digits);
  const auto [stop, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
  if (digits == 0 || hex.size() < digits || error != std::errc() || stop != hex.data() + hex.size() ||
      code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    fail("the backslash starts no escape that is known", start, R"(write a backslash as `\\`)");
  append_utf8(out, code);
  position_ += digits;
}

}  // namespace dspy
