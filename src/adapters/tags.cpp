#include "adapters/tags.hpp"

#include "base/utf8.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace dspy {
namespace {

using Kind = TagMatch::Kind;

/// Bounds of what a tag may hold, so that looking for one takes a fixed time.
constexpr std::size_t longest_gap = 4;
constexpr std::size_t longest_attributes = 64;

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == ' ' || static_cast<unsigned char>(c) >= 0x80;
}

std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
  const auto limit = std::min(text.size(), at + longest_gap);
  while (at < limit && is_blank(text[at])) ++at;
  return at;
}

struct Entity {
  std::string_view written;
  std::string_view meant;
};

constexpr std::array entities = {Entity{"&lt;", "<"}, Entity{"&gt;", ">"}, Entity{"&amp;", "&"}, Entity{"&quot;", "\""},
                                 Entity{"&apos;", "'"}};

struct Decoded {
  std::string text = {};
  std::size_t size = 0;
};

/// The character of `&#60;` or `&#x3c;`.
std::optional<Decoded> numeric_entity(std::string_view text) {
  constexpr std::size_t longest = 10;
  if (!text.starts_with("&#")) return std::nullopt;
  const auto end = text.substr(0, longest).find(';');
  if (end == std::string_view::npos) return std::nullopt;
  auto digits = text.substr(2, end - 2);
  const bool hex = digits.starts_with('x') || digits.starts_with('X');
  if (hex) digits.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
  const bool whole = error == std::errc() && last == digits.data() + digits.size() && !digits.empty();
  if (!whole || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  Decoded decoded{.size = end + 1};
  append_utf8(decoded.text, code);
  return decoded;
}

std::optional<Decoded> entity_at(std::string_view text) {
  for (const auto& [written, meant] : entities) {
    if (text.starts_with(written)) return Decoded{std::string(meant), written.size()};
  }
  return numeric_entity(text);
}

}  // namespace

Tags::Tags(const Labels& labels) noexcept : labels_(labels), longest_name_(0) {
  for (const auto* fields : {&signature().inputs, &signature().outputs}) {
    for (const auto& field : *fields)
      longest_name_ = std::max({longest_name_, 2 * field.name.size(), 2 * field.label.size()});
  }
}

TagMatch Tags::match(std::string_view text, bool complete) const noexcept {
  const auto undecided = [&](std::size_t at) {
    return TagMatch{.kind = at >= text.size() && !complete ? Kind::possible : Kind::none};
  };
  TagMatch found{.kind = Kind::open};
  auto at = skip_blanks(text, 1);
  if (at < text.size() && text[at] == '/') {
    found.kind = Kind::close;
    at = skip_blanks(text, at + 1);
  }
  const auto start = at;
  const auto limit = std::min(text.size(), start + longest_name_);
  while (at < limit && is_name_character(text[at])) ++at;
  if (at == text.size()) return undecided(at);

  // Blanks may belong to a label, or stand before attributes.
  auto name = text::trim(text.substr(start, at - start));
  auto output = labels_.find_output(name);
  auto input = labels_.find_input(name);
  const auto is_known = [&] { return output != signature().outputs.size() || input != signature().inputs.size(); };
  if (name.empty()) return {};
  if (!is_known()) {
    const auto first = name.find(' ');
    if (first == std::string_view::npos || found.kind == Kind::close) return {};
    name = name.substr(0, first);
    at = start + first;
    output = labels_.find_output(name);
    input = labels_.find_input(name);
    if (!is_known()) return {};
  }
  if (found.kind == Kind::open) {
    // `<answer.>` has another name.
    const bool ends_name = text[at] == '>' || text[at] == '/' || is_blank(text[at]) || is_blank(text[at - 1]);
    if (!ends_name) return {};
    const auto most = std::min(text.size(), at + longest_attributes);
    while (at < most && text[at] != '>' && text[at] != '<') ++at;
    if (at < text.size() && text[at] == '>' && text[at - 1] == '/') found.kind = Kind::empty;
  } else {
    at = skip_blanks(text, at);
  }
  if (at == text.size() || text[at] != '>') return undecided(at);
  found.is_input = output == signature().outputs.size();
  found.field = found.is_input ? input : output;
  found.size = at + 1;
  const auto& field = (found.is_input ? signature().inputs : signature().outputs)[found.field];
  const auto marks = found.kind == Kind::open ? 2U : 3U;
  found.spelled_as_is = name == field.name && found.size == name.size() + marks;
  return found;
}

void append_escaped_xml(std::string& out, std::string_view text) {
  std::size_t written = 0;
  auto ampersand = text.find('&');
  auto bracket = text.find('<');
  for (auto at = std::min(ampersand, bracket); at != std::string_view::npos; at = std::min(ampersand, bracket)) {
    const bool is_bracket = at == bracket;
    out.append(text.substr(written, at - written)).append(is_bracket ? "&lt;" : "&amp;");
    written = at + 1;
    (is_bracket ? bracket : ampersand) = text.find(text[at], written);
  }
  out.append(text.substr(written));
}

void append_guarding_tags(std::string& out, const Tags& tags, std::string_view text) {
  std::size_t written = 0;
  for (auto at = text.find_first_of("<&"); at != std::string_view::npos; at = text.find_first_of("<&", at + 1)) {
    const auto rest = text.substr(at);
    const bool tag = rest[0] == '<' && (rest.starts_with("<![CDATA[") || tags.match(rest).kind != Kind::none);
    if (!tag && (rest[0] == '<' || !entity_at(rest))) continue;
    out.append(text.substr(written, at - written)).append(tag ? "&lt;" : "&amp;");
    written = at + 1;
  }
  out.append(text.substr(written));
}

void append_unescaped_xml(std::string& out, std::string_view text) {
  std::size_t written = 0;
  for (auto at = text.find('&'); at != std::string_view::npos;) {
    const auto found = entity_at(text.substr(at));
    if (!found) {
      at = text.find('&', at + 1);
      continue;
    }
    out.append(text.substr(written, at - written)).append(found->text);
    written = at + found->size;
    at = text.find('&', written);
  }
  out.append(text.substr(written));
}

void append_xml_text(std::string& out, std::string_view text) {
  constexpr std::string_view opening = "<![CDATA[";
  constexpr std::string_view closing = "]]>";
  for (auto at = text.find(opening); at != std::string_view::npos; at = text.find(opening)) {
    const auto end = text.find(closing, at);
    if (end == std::string_view::npos) break;
    append_unescaped_xml(out, text.substr(0, at));
    out += text.substr(at + opening.size(), end - at - opening.size());
    text.remove_prefix(end + closing.size());
  }
  append_unescaped_xml(out, text);
}

}  // namespace dspy
