#include "adapters/json/json_members.hpp"

#include "adapters/json/json_text.hpp"

namespace dspy {

using json_text::blanks;
using json_text::is_word_character;
using json_text::longest_key;
using json_text::quote_at;
using json_text::skip_blanks;

bool has_quoted_key(std::string_view text) noexcept {
  for (auto colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':', colon + 1)) {
    const auto key_end = text.find_last_not_of(blanks, colon == 0 ? 0 : colon - 1);
    if (colon == 0 || key_end == std::string_view::npos) continue;
    const auto mark = key_end >= 2 ? key_end - 2 : 0;
    if (quote_at(text, key_end) == 0 && quote_at(text, mark) != 3) continue;
    const auto value = skip_blanks(text, colon + 1);
    if (value == text.size() || quote_at(text, value) != 0 ||
        std::string_view("{[-.0123456789tfnTFN").contains(text[value]))
      return true;
  }
  return false;
}

bool begins_object(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (true) {
    at = skip_blanks(text, at);
    const bool is_line = text.substr(at).starts_with("//") || text.substr(at).starts_with('#');
    if (!is_line && !text.substr(at).starts_with("/*")) break;
    const auto end = is_line ? text.find('\n', at) : text.find("*/", at + 2);
    if (end == std::string_view::npos) return false;
    at = end + (is_line ? 1 : 2);
  }
  if (quote_at(text, at) != 0) return true;
  const auto start = at;
  while (at < text.size() && at - start < longest_key && is_word_character(text[at]) && quote_at(text, at) == 0) ++at;
  if (at == start) return false;
  at = skip_blanks(text, at);
  return at < text.size() && (text[at] == ':' || quote_at(text, at) != 0);
}

bool continues_object(std::string_view after) noexcept {
  const auto first = skip_blanks(after, 0);
  if (first == after.size()) return false;
  if (after[first] != ',') return after[first] == ':' || has_quoted_key(after);
  auto next = skip_blanks(after, first + 1);
  if (quote_at(after, next) != 0) return true;
  const auto start = next;
  while (next < after.size() && is_word_character(after[next])) ++next;
  next = skip_blanks(after, next);
  return (next != start && next < after.size() && after[next] == ':') || has_quoted_key(after);
}

bool continues_list(std::string_view after) noexcept {
  const auto comma = skip_blanks(after, 0);
  if (comma == after.size() || after[comma] != ',') return false;
  const auto next = skip_blanks(after, comma + 1);
  return next < after.size() && std::string_view("{[-0123456789").contains(after[next]);
}

}  // namespace dspy
