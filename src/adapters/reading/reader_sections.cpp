// Replies that were cut into sections: whether the sections are accepted, and which repairs are noted.

#include "adapters/reading/fences.hpp"
#include "adapters/reading/reader.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>

namespace dspy {

ReplyReader::Found ReplyReader::accept_sections() {
  // A JSON text whose keys have no quotes, or with line ends in its strings, holds such lines too.
  if (const auto found = find_json(sections_->first_mark(), sections_->first_mark())) return *found;
  if (holds_json_lines()) {
    take("malformed_json");
    cause_ = "its lines are those of a JSON object that cannot be read";
    return Found::nothing;
  }
  if (is_ambiguous()) {
    take("ran_on");
    return Found::nothing;
  }
  note_sections();
  return Found::sections;
}

/// `a: 'x',`, more such lines, and a `}`; or lines behind a `{` or `[` that nothing before them closes.
bool ReplyReader::holds_json_lines() const noexcept {
  if (sections_ != static_cast<const Sections*>(labels_ ? &*labels_ : nullptr)) return false;
  const auto before = text_.substr(start_, sections_->first_mark() - start_);
  if (!before.empty() && std::ranges::count(before, '{') > std::ranges::count(before, '}')) return true;
  if (text::trim(before).ends_with('[')) return true;
  auto reply = text_.substr(start_);
  while (reply.back() == ' ' || reply.back() == '\n') reply.remove_suffix(1);  // it contains a label
  if (reply.back() != '}' && reply.back() != '`') return false;
  if (reply.ends_with("```")) reply = text::trim(reply.substr(0, reply.size() - 3));
  const auto first = text_.substr(sections_->first_mark());
  const auto line = text::trim(first.substr(0, first.find('\n')));
  const bool is_member = line.ends_with("\",") || line.ends_with("',") || (line.ends_with(',') && before.contains('{'));
  return is_member && reply.ends_with("\n}");
}

/// `Paris`, an invented question, and its labelled answer: is the value before or after the
/// input's label?  Only text that ends in a colon surely introduces what follows.
bool ReplyReader::is_ambiguous() const noexcept {
  const auto input = sections_->leading_input();
  if (!input || signature_.outputs.size() != 1) return false;
  const auto before = text::trim(text_.substr(start_, *input - start_));
  return !before.empty() && !before.ends_with(':');
}

void ReplyReader::note_sections() {
  const auto& facts = sections_->facts();
  auto before = text_.substr(start_, sections_->first_mark() - start_);
  auto after = text_.substr(sections_->end().value_or(text_.size()));
  if (facts.fenced || is_tagged()) {
    const bool opened = drop_last_fence(before);
    const bool closed = drop_first_fence(after);
    if (facts.fenced || opened || closed) take("fenced");
  }
  if (!before.empty() && !text::trim(before).empty()) take("leading_text");
  if (!after.empty() && !text::trim(after).empty()) take("trailing_text");
  if (is_tagged()) {
    const auto between = gaps();
    if (!std::ranges::all_of(between, [](std::string_view gap) { return text::trim(gap).empty(); }))
      take("extra_section");
    for (const auto gap : between) note_elements(gap);
    if (!facts.ran_on) note_elements(after);
    for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
      if ((*sections_)[i].again != 0) extra_keys_.push_back(signature_.outputs[i].name);
    }
  }
  if (facts.unclosed_fence) take("unclosed_fence");
  if (facts.ran_on) take("ran_on");
  if (facts.extra_section) take("extra_section");
  if (facts.unfinished) take("unfinished");
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    const auto& section = (*sections_)[i];
    Repairs repairs(flags_, signature_.outputs[i].name);
    if (!section.spelled_as_is) repairs.take("label_spelling");
    if (section.decorated) repairs.take("decorated_label");
    if (section.inside_line) repairs.take("label_inside_line");
    if (section.repeated) repairs.take("repeated_label");
    if (section.has_inner_end) repairs.take("inner_closing_tag");
  }
}

}  // namespace dspy
