#include "adapters/tag_sections.hpp"

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
    : Sections(tags.signature().outputs.size()),
      tags_(tags),
      last_close_(tags.signature().outputs.size(), 0),
      last_input_close_(tags.signature().inputs.size(), 0) {
  for (const auto& output : tags.signature().outputs) required_left_ += output.is_required() ? 1 : 0;
}

bool TagSections::step(std::string_view text, bool complete) {
  look_ahead(text, complete);
  while (!ended_) {
    const auto at = text.find('<', std::max(at_, looked_at_));
    if (at >= ahead_) {
      const auto known = std::min(ahead_, text.size());
      looked_at_ = known;
      read_to(text, complete ? known : before_cut_entity(text, known));
      if (complete) close_at_end(text);
      return false;
    }
    const auto match = tags_.match(text.substr(at));
    const auto verdict = match.kind == Kind::none ? Verdict::text : read_tag(at, match, text, complete);
    if (verdict == Verdict::changed) return true;
    if (verdict == Verdict::wait) return false;
    looked_at_ = std::max(looked_at_, at + std::max<std::size_t>(match.size, 1));
  }
  return false;
}

/// Finds the closing tags, which decide what the tags before them are.
void TagSections::look_ahead(std::string_view text, bool complete) {
  ahead_ = std::max(ahead_, at_);
  while (true) {
    const auto at = text.find('<', ahead_);
    if (at == std::string_view::npos) break;
    const auto match = tags_.match(text.substr(at), complete);
    if (match.kind == Kind::possible) {
      ahead_ = at;
      return;
    }
    if (match.kind == Kind::close) (match.is_input ? last_input_close_ : last_close_)[match.field] = at;
    ahead_ = at + std::max<std::size_t>(match.size, 1);
  }
  ahead_ = text.size();
}

TagSections::Verdict TagSections::read_tag(std::size_t at, const TagMatch& match, std::string_view text,
                                           bool complete) {
  if (current_) return read_inside(at, match, text, complete);
  if (skipped_) {
    if (match.is_input && match.kind == Kind::close && match.field == *skipped_) skipped_.reset();
    return Verdict::text;
  }
  return read_between(at, match, complete);
}

TagSections::Verdict TagSections::read_inside(std::size_t at, const TagMatch& match, std::string_view text,
                                              bool complete) {
  if (match.is_input) return Verdict::text;
  if (match.kind == Kind::close && match.field == *current_) {
    read_to(text, at);
    close(at + match.size);
    return Verdict::changed;
  }
  const bool opens_other = match.kind == Kind::open && match.field != *current_ && !sections_[match.field].has_text;
  if (!opens_other || last_close_[*current_] > at) return Verdict::text;
  read_to(text, at);
  if (!complete) {
    looked_at_ = at;
    return Verdict::wait;
  }
  facts_.unfinished = true;
  return open(at, match) ? Verdict::changed : Verdict::text;
}

TagSections::Verdict TagSections::read_between(std::size_t at, const TagMatch& match, bool complete) {
  if (!match.is_input) {
    if (match.kind == Kind::close) return Verdict::text;
    return open(at, match) ? Verdict::changed : Verdict::text;
  }
  if (match.kind != Kind::open) return Verdict::text;
  if (has_mark() && required_left_ == 0) {
    facts_.ran_on = ended_ = true;
    return Verdict::text;
  }
  if (last_input_close_[match.field] > at) {
    skipped_ = match.field;
  } else if (!complete) {
    looked_at_ = at;
    return Verdict::wait;
  }
  return Verdict::text;
}

/// Opens an output's section.  False if that has text already.
bool TagSections::open(std::size_t at, const TagMatch& match) {
  if (!has_mark()) first_mark_ = at;
  auto& section = sections_[match.field];
  if (section.has_text) {
    section.repeated = true;
    return false;
  }
  if (!section.found && tags_.signature().outputs[match.field].is_required()) --required_left_;
  at_ = at + match.size;
  end_.reset();
  section = {.begin = at_, .end = at_, .found = true, .repeated = section.found, .spelled_as_is = match.spelled_as_is};
  current_ = match.field;
  if (match.kind == Kind::empty) close(at_);
  return true;
}

void TagSections::close(std::size_t end) {
  at_ = end;
  end_ = end;
  sections_[*current_].closed = true;
  current_.reset();
}

/// The open section's text goes on until `end`.
void TagSections::read_to(std::string_view text, std::size_t end) {
  if (end <= at_) return;
  const auto added = text.substr(at_, end - at_);
  at_ = end;
  if (!current_) return;
  auto& section = sections_[*current_];
  section.end = end;
  section.has_text = section.has_text || !text::trim(added).empty();
  section.has_escapes = section.has_escapes || added.contains('&');
}

/// At the end of a text that no closing tag ended.
void TagSections::close_at_end(std::string_view text) {
  ended_ = true;
  if (!current_) return;
  facts_.unfinished = true;
  // The beginning of a tag is no text.
  auto& section = sections_[*current_];
  const auto cut = text.rfind('<');
  if (cut == std::string_view::npos || cut < section.begin) return;
  if (tags_.match(text.substr(cut), false).kind != Kind::possible || text.size() - cut < 2) return;
  section.end = cut;
  section.has_text = !text::trim(text.substr(section.begin, section.end - section.begin)).empty();
}

void TagSections::append(std::string& out, std::string_view text, std::size_t /*output*/, std::size_t from,
                         std::size_t to) const {
  append_unescaped_xml(out, text.substr(from, to - from));
}

}  // namespace dspy
