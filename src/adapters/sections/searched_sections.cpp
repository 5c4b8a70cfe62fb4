#include "adapters/sections/searched_sections.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>

namespace dspy {

SearchedSections::SearchedSections(const Signature& signature, char opening)
    : Sections(signature.outputs.size()), opening_(opening) {
  for (const auto& output : signature.outputs) required_left_ += output.is_required() ? 1 : 0;
}

bool SearchedSections::step(std::string_view text, bool complete) {
  look_ahead(text, complete);
  while (!ended_) {
    const auto at = text.find(opening_, std::max(at_, looked_at_));
    if (at >= ahead_) {
      const auto known = std::min(ahead_, text.size());
      looked_at_ = known;
      read_to(text, complete ? known : settled(text, known));
      if (complete) close_at_end(text);
      return false;
    }
    const auto verdict = read_at(text, at, complete);
    if (verdict == Verdict::changed) return true;
    if (verdict == Verdict::wait) {
      looked_at_ = at;
      return false;
    }
  }
  return false;
}

void SearchedSections::look_ahead(std::string_view text, bool complete) {
  ahead_ = std::max(ahead_, at_);
  while (true) {
    const auto at = text.find(opening_, ahead_);
    if (at == std::string_view::npos) break;
    const auto seen = look_at(text, at, complete);
    if (seen.is_cut) {
      ahead_ = at;
      return;
    }
    ahead_ = at + std::max<std::size_t>(seen.size, 1);
  }
  ahead_ = text.size();
}

void SearchedSections::read_to(std::string_view text, std::size_t end) {
  if (end <= at_) return;
  const auto more = text.substr(at_, end - at_);
  at_ = end;
  if (!current_) return;
  auto& section = sections_[*current_];
  section.end = end;
  if (!section.has_text) section.has_text = !text::trim(more).empty();
  added(more);
}

}  // namespace dspy
