#include "server/traces/trace_words.hpp"

#include "dspy/base/text.hpp"
#include "dspy/base/unicode.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

constexpr std::size_t most_terms = 32;

/// Whether the full-text index makes a word of it: FTS5 would find nothing for a phrase without one.
bool has_word(std::string_view text) {
  return !text::invalid_utf8(text) && std::ranges::any_of(text::code_points(text), text::is_letter_or_number);
}

/// Takes up to the closing quote, or the end.
std::string_view take_phrase(std::string_view& rest) {
  rest.remove_prefix(1);
  const auto end = std::min(rest.find('"'), rest.size());
  const auto out = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

std::string_view take_word(std::string_view& rest) {
  const auto end = std::min(rest.find_first_of(" \t\r\n\""), rest.size());
  const auto out = rest.substr(0, end);
  rest.remove_prefix(end);
  return out;
}

}  // namespace

std::string full_text_query(std::string_view typed) {
  std::string out;
  std::size_t terms = 0;
  for (auto rest = text::trim(typed); !rest.empty() && terms < most_terms; rest = text::trim(rest)) {
    const bool is_phrase = rest.starts_with('"');
    auto term = is_phrase ? take_phrase(rest) : take_word(rest);
    const bool is_prefix = !is_phrase && term.ends_with('*');
    if (is_prefix) term = term.substr(0, term.find_last_not_of('*') + 1);
    if (!has_word(term)) continue;
    ++terms;
    if (!out.empty()) out += " AND ";
    out += "text : \"";
    for (const char c : term) out += c == '\0' ? ' ' : c;  // a quote ended the term
    out += is_prefix ? "\" *" : "\"";
  }
  return out;
}

}  // namespace dspy::server
