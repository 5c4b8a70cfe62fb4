#include "adapters/sections/tags.hpp"

#include "adapters/sections/xml_text.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>

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

}  // namespace

Tags::Tags(const Labels& labels, XmlText text) noexcept : labels_(labels), text_(text), longest_name_(0) {
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

  // Blanks may belong to a label, or precede attributes.
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
  const auto& notation = ReplyNotation::of(OutputContract::Form::xml);
  const auto marks = found.kind == Kind::open    ? notation.before_name.size() + notation.after_name.size()
                     : found.kind == Kind::close ? notation.before_close.size() + notation.after_close.size()
                                                 : notation.before_name.size() + notation.empty_end.size();
  found.spelled_as_is = name == field.name && found.size == name.size() + marks;
  return found;
}

bool holds_tag(const Tags& tags, std::string_view text) noexcept {
  for (auto at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const auto rest = text.substr(at);
    if (rest.starts_with(cdata_begin) || tags.match(rest).kind != Kind::none) return true;
  }
  return false;
}

void append_guarding_tags(std::string& out, const Tags& tags, std::string_view text) {
  if (tags.text() == XmlText::literal) {
    if (holds_tag(tags, text)) {
      append_cdata(out, text);
    } else {
      out += text;
    }
    return;
  }
  std::size_t written = 0;
  for (auto at = text.find_first_of("<&"); at != std::string_view::npos; at = text.find_first_of("<&", at + 1)) {
    const auto rest = text.substr(at);
    const bool tag = rest[0] == '<' && (rest.starts_with(cdata_begin) || tags.match(rest).kind != Kind::none);
    if (!tag && (rest[0] == '<' || entity_size(rest) == 0)) continue;
    out.append(text.substr(written, at - written)).append(tag ? "&lt;" : "&amp;");
    written = at + 1;
  }
  out.append(text.substr(written));
}

}  // namespace dspy
