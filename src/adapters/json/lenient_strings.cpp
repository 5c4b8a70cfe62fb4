#include "adapters/json/lenient_scalars.hpp"
#include "base/unicode/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dspy {
namespace {

using text::is_any_letter;

constexpr std::array curly_quotes = {CurlyQuotes{"“", "”"}, CurlyQuotes{"‘", "’"}, CurlyQuotes{"„", "“"}};
/// What they all begin with, in UTF-8.
constexpr char curly_byte = curly_quotes[0].opening[0];
/// Of other languages and widths: nobody means them to be part of a key.
constexpr std::array<std::string_view, 14> other_quotes = {"«",  "»",  "‹",  "›",  "″",  "′", "＂",
                                                           "＇", "「", "」", "『", "』", "‚", "‟"};

}  // namespace

const CurlyQuotes* LenientScalars::curly_quotes_here() const noexcept {
  if (here() != curly_byte) return nullptr;
  const auto* const found =
      std::ranges::find_if(curly_quotes, [&](const CurlyQuotes& each) { return next_is(each.opening); });
  return found == curly_quotes.end() ? nullptr : found;
}

bool LenientScalars::curly_string(const CurlyQuotes& quotes, Json& out) {
  const auto start = at_;
  std::string decoded;
  for (at_ += quotes.opening.size();;) {
    auto stop = at_;
    while (stop < text_.size() && text_[stop] != '"' && text_[stop] != '\\' && text_[stop] != curly_byte) ++stop;
    plain(decoded, text_.substr(at_, stop - at_));
    at_ = stop;
    const bool is_apostrophe =
        next_is("’") && at_ + 3 < text_.size() && is_any_letter(text_[at_ + 3]) && is_any_letter(text_[at_ - 1]);
    if (next_is(quotes.closing) && !is_apostrophe) break;
    if (at_end() || here() == '"' || next_is(quotes.opening)) {
      at_ = start;
      return fail("the quotes around a value do not match");
    }
    if (here() == '\\') {
      escape(decoded);
    } else {
      decoded += text_[at_++];
    }
  }
  at_ += quotes.closing.size();
  take(JsonRepair::curly_quotes);
  out.emplace_string() = decoded;
  return true;
}

bool LenientScalars::key(std::string& out) {
  if (here() == '"' || here() == '\'') return string(out);
  if (const auto* const quotes = curly_quotes_here()) {
    const auto start = at_ + quotes->opening.size();
    const auto end = text_.find_first_of("\"\n\\:", start);
    const auto found = text_.substr(start, end - start).find(quotes->closing);
    if (found == std::string_view::npos) return fail("the quotes around a key do not match");
    take(JsonRepair::curly_quotes);
    out = text_.substr(start, found);
    at_ = start + found + quotes->closing.size();
    return true;
  }
  const auto start = at_;
  while (!at_end() && is_key_character(here())) ++at_;
  if (at_ == start) return fail("expected a key");
  const auto name = text_.substr(start, at_ - start);
  const bool has_quote = std::ranges::any_of(curly_quotes, [&](const CurlyQuotes& each) {
    return name.contains(each.opening) || name.contains(each.closing);
  });
  if (has_quote) return fail("the quotes around a key do not match");
  if (std::ranges::any_of(other_quotes, [&](std::string_view each) { return name.contains(each); }))
    return fail("a key has quotes of a kind that JSON does not know");
  take(JsonRepair::unquoted_key);
  out = name;
  return true;
}

bool LenientScalars::string(std::string& out) {
  const char quote = here();
  if (next_is(quote == '"' ? R"(""")" : "'''")) return long_string(out);
  if (quote == '\'') take(JsonRepair::single_quotes);
  for (++at_;;) {
    auto stop = at_;
    while (stop < text_.size() && text_[stop] != quote && text_[stop] != '\\') ++stop;
    plain(out, text_.substr(at_, stop - at_));
    at_ = stop;
    if (at_end()) {
      take(JsonRepair::unclosed_string);
      return true;
    }
    if (here() == '\\') {
      escape(out);
    } else if (quote == '\'' && is_stray_quote()) {
      take(JsonRepair::stray_quote);
      out += quote;
      ++at_;
    } else {
      ++at_;
      return true;
    }
  }
}

bool LenientScalars::long_string(std::string& out) {
  const auto quotes = text_.substr(at_, 3);
  const auto end = text_.find(quotes, at_ + 3);
  if (end == std::string_view::npos) return fail("a string in three quotes does not end");
  auto inner = text_.substr(at_ + 3, end - at_ - 3);
  if (inner.contains('\\')) return fail("a string in three quotes holds a backslash, which may be an escape or not");
  take(JsonRepair::python_word);
  if (inner.starts_with('\n')) inner.remove_prefix(1);
  if (inner.ends_with('\n')) inner.remove_suffix(1);
  plain(out, inner);
  at_ = end + 3;
  return true;
}

void LenientScalars::plain(std::string& out, std::string_view text) {
  out += text;
  if (repairs_.has(JsonRepair::line_break_in_string)) return;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) take(JsonRepair::line_break_in_string);
  }
}

bool LenientScalars::is_stray_quote() const noexcept {
  return at_ + 1 < text_.size() && is_any_letter(text_[at_ + 1]) && is_any_letter(text_[at_ - 1]);
}

void LenientScalars::escape(std::string& out) {
  if (++at_ == text_.size()) return;  // `string` sees the end
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return;
    case 'b': out += '\b'; return;
    case 'f': out += '\f'; return;
    case 'n': out += '\n'; return;
    case 'r': out += '\r'; return;
    case 't': out += '\t'; return;
    case '\'':
      take(JsonRepair::bad_escape);
      out += c;
      return;
    case 'u':
      if (const auto code = hex()) {
        append_utf8(out, pair(*code));
        return;
      }
      break;
    default: break;
  }
  take(JsonRepair::bad_escape);
  out += '\\';
  --at_;  // what follows is read again as plain text
}

std::optional<std::uint32_t> LenientScalars::hex() noexcept {
  std::uint32_t code = 0;
  if (text_.size() - at_ < 4) return std::nullopt;
  const auto* first = text_.data() + at_;
  const auto [end, error] = std::from_chars(first, first + 4, code, 16);
  if (error != std::errc() || end != first + 4) return std::nullopt;
  at_ += 4;
  return code;
}

std::uint32_t LenientScalars::pair(std::uint32_t code) {
  if (code < 0xD800 || code > 0xDFFF) return code;
  if (code < 0xDC00 && next_is("\\u")) {
    const auto after_high = at_;
    at_ += 2;
    const auto low = hex();
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) return 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
    at_ = after_high;
  }
  take(JsonRepair::bad_escape);
  return 0xFFFD;
}

}  // namespace dspy
