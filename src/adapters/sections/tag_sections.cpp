// Cuts a reply into sections at its tags.  tag_sections_inside.cpp looks at the tags within a section, and at its end.

#include "adapters/sections/tag_sections.hpp"

#include "adapters/coercion/xml/xml_value.hpp"
#include "adapters/sections/xml_text.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>

namespace dspy {
namespace {

using Kind = TagMatch::Kind;

/// Where an entity begins whose end has not come, or `end`.
std::size_t before_cut_entity(std::string_view text, std::size_t end) noexcept {
  constexpr std::size_t longest = 10;
  const auto lowest = end > longest ? end - longest : 0;
  const auto tail = text.substr(lowest, end - lowest);
  const auto at = tail.rfind('&');
  return at == std::string_view::npos || tail.substr(at).contains(';') ? end : lowest + at;
}

}  // namespace

TagSections::TagSections(const Tags& tags)
    : SearchedSections(tags.signature(), '<'),
      tags_(tags),
      last_close_(tags.signature().outputs.size(), 0),
      last_input_close_(tags.signature().inputs.size(), 0),
      inside_(tags.signature().outputs.size(), Inside::nothing) {}

/// Finds the closing tags, which decide what the tags before them are.
TagSections::Seen TagSections::look_at(std::string_view text, std::size_t at, bool complete) {
  if (const auto size = find_cdata(text, at)) return {.size = size};
  const auto match = tags_.match(text.substr(at), complete);
  if (match.kind == Kind::close) (match.is_input ? last_input_close_ : last_close_)[match.field] = at;
  return {.size = match.size, .is_cut = match.kind == Kind::possible};
}

TagSections::Verdict TagSections::read_at(std::string_view text, std::size_t at, bool complete) {
  if (current_) {
    const auto cdata = cdata_at(text, at, complete);
    if (cdata.is_cut) return Verdict::wait;
    if (cdata.size != 0) {
      sections_[*current_].has_escapes = true;
      looked_at_ = at + cdata.size;
      return Verdict::passed;
    }
  }
  if (!current_) {
    const auto comment = comment_at(text, at, complete);
    if (comment.is_cut) return Verdict::wait;
    if (comment.size != 0) {
      looked_at_ = at + comment.size;
      return Verdict::passed;
    }
  }
  const auto match = tags_.match(text.substr(at));
  const auto verdict = match.kind == Kind::none ? Verdict::passed : read_tag(at, match, text, complete);
  if (verdict == Verdict::passed) looked_at_ = std::max(looked_at_, at + std::max<std::size_t>(match.size, 1));
  return verdict;
}

/// `cdata_size`, except that text without an end is searched only once.
std::size_t TagSections::find_cdata(std::string_view text, std::size_t at) noexcept {
  const bool has_no_end = at >= no_cdata_end_ && text.size() == no_cdata_end_in_;
  if (has_no_end || !text.substr(at).starts_with(cdata_begin)) return 0;
  const auto size = cdata_size(text, at);
  if (size == 0) {
    no_cdata_end_ = at;
    no_cdata_end_in_ = text.size();
  }
  return size;
}

/// A comment between sections; its content is ignored.
TagSections::Seen TagSections::comment_at(std::string_view text, std::size_t at, bool complete) noexcept {
  constexpr std::string_view begin = "<!--";
  constexpr std::string_view end = "-->";
  const auto rest = text.substr(at, begin.size());
  if (!complete && rest.size() > 1 && rest.size() < begin.size() && begin.starts_with(rest)) return {.is_cut = true};
  if (rest != begin || (complete && has_no_comment_end_)) return {};
  const auto found = text.find(end, at + begin.size());
  if (found != std::string_view::npos) return {.size = found + end.size() - at};
  if (!complete) return {.is_cut = true};
  has_no_comment_end_ = true;  // here and further on
  return {};
}

/// The CDATA that represents text in the current section.  For literal text, it must be the whole section.
TagSections::Seen TagSections::cdata_at(std::string_view text, std::size_t at, bool complete) noexcept {
  const auto& field = tags_.signature().outputs[*current_];
  if (tags_.text() == XmlText::entities || is_nested_xml(field.type)) return {.size = find_cdata(text, at)};
  const auto begin = sections_[*current_].begin;
  if (!text::trim(text.substr(begin, at - begin)).empty()) return {};
  if (!complete && cdata_begin.starts_with(text.substr(at))) return {.is_cut = true};
  if (!text.substr(at).starts_with(cdata_begin)) return {};
  const auto size = cdata_run_size(text, at);
  const auto end = std::min(text.find_first_not_of(" \t\r\n", at + size), text.size());
  const auto rest = text.substr(end);
  const auto next = rest.starts_with('<') ? tags_.match(rest, complete) : TagMatch();
  const bool is_open = rest.empty() || next.kind == Kind::possible || rest.starts_with(cdata_begin) ||
                       cdata_begin.starts_with(rest) || size == 0;
  if (!complete && is_open) return {.is_cut = true};
  const bool is_whole = size != 0 && next.kind == Kind::close && !next.is_input && next.field == *current_;
  return {.size = is_whole ? size : 0};
}

std::size_t TagSections::settled(std::string_view text, std::size_t end) const noexcept {
  return tags_.text() == XmlText::literal ? end : before_cut_entity(text, end);
}

void TagSections::added(std::string_view text) noexcept {
  if (tags_.text() == XmlText::entities && text.contains('&')) sections_[*current_].has_escapes = true;
}

TagSections::Verdict TagSections::read_tag(std::size_t at, const TagMatch& match, std::string_view text,
                                           bool complete) {
  if (current_) return read_inside(at, match, text, complete);
  if (skipped_) {
    if (match.is_input && match.kind == Kind::close && match.field == *skipped_) skipped_.reset();
    return Verdict::passed;
  }
  return read_between(at, match, complete);
}

TagSections::Verdict TagSections::read_between(std::size_t at, const TagMatch& match, bool complete) {
  if (!match.is_input) {
    if (match.kind == Kind::close) return Verdict::passed;
    return open(at, match) ? Verdict::changed : Verdict::passed;
  }
  if (match.kind != Kind::open) return Verdict::passed;
  if (has_mark() && required_left_ == 0) {
    facts_.ran_on = ended_ = true;
    return Verdict::passed;
  }
  if (last_input_close_[match.field] > at) {
    skipped_ = match.field;
  } else if (!complete) {
    return Verdict::wait;
  }
  return Verdict::passed;
}

/// Opens an output's section.  False if that has text already.
bool TagSections::open(std::size_t at, const TagMatch& match) {
  if (!has_mark()) first_mark_ = at;
  auto& section = sections_[match.field];
  if (section.has_text) {
    section.repeated = true;
    if (section.again == 0) section.again = at + match.size;
    return false;
  }
  if (!section.found && tags_.signature().outputs[match.field].is_required()) --required_left_;
  at_ = at + match.size;
  end_.reset();
  nested_ = 0;
  has_items_of_its_name_ = false;
  section = {.begin = at_,
             .end = at_,
             .found = true,
             .repeated = section.found || inside_[match.field] == Inside::whole,
             .spelled_as_is = match.spelled_as_is};
  current_ = match.field;
  section.is_empty_tag = match.kind == Kind::empty;
  if (section.is_empty_tag) close(at_);
  return true;
}

/// At the end of a text that no closing tag ended.
void TagSections::close_at_end(std::string_view text) {
  ended_ = true;
  if (!current_) return;
  facts_.unfinished = true;
  // The beginning of a tag is not text.
  auto& section = sections_[*current_];
  const auto cut = text.rfind('<');
  if (cut == std::string_view::npos || cut < section.begin) return;
  if (tags_.match(text.substr(cut), false).kind != Kind::possible || text.size() - cut < 2) return;
  section.end = cut;
  section.has_text = !text::trim(text.substr(section.begin, section.end - section.begin)).empty();
}

std::vector<std::string_view> TagSections::elements(std::string_view text, std::size_t output) const {
  std::vector<std::string_view> out;
  auto begin = sections_[output].begin;
  for (const auto& gap : gaps_) {
    if (gap.output != output) continue;
    out.push_back(text.substr(begin, gap.begin - begin));
    begin = gap.end;
  }
  out.push_back(text.substr(begin, std::max(begin, sections_[output].end) - begin));
  return out;
}

void TagSections::append(std::string& out, std::string_view text, std::size_t /*output*/, std::size_t from,
                         std::size_t to) const {
  const auto part = text.substr(from, to - from);
  if (tags_.text() == XmlText::entities) {
    append_xml_text(out, part);
  } else if (cdata_run_size(part, 0) == part.size()) {
    append_cdata_content(out, part);
  } else {
    out += part;
  }
}

}  // namespace dspy
