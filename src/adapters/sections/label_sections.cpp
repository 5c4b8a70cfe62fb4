#include "adapters/sections/label_sections.hpp"

#include <algorithm>

namespace dspy {
namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";

std::size_t count_slashes(std::string_view line, std::size_t known = 0) noexcept {
  return std::min(line.find_first_not_of('\\', known), line.size());
}

bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(blanks) == std::string_view::npos;
}

bool is_text(const Type& type) noexcept {
  const auto kind = type.required().kind;
  return kind == Type::Kind::string || kind == Type::Kind::code || kind == Type::Kind::reasoning;
}

}  // namespace

LabelSections::LabelSections(const Labels& labels) : Sections(labels.signature().outputs.size()), labels_(labels) {
  for (const auto& output : labels.signature().outputs) required_left_ += output.is_required() ? 1 : 0;
}

bool LabelSections::step(std::string_view text, bool complete) {
  while (!ended_) {
    if (at_ >= text.size()) {
      if (!complete || !reopen_unclosed_fence()) return false;
      continue;
    }
    const auto line_end = std::min(text.find('\n', at_), text.size());
    const bool has_end = line_end < text.size();
    const auto line = text.substr(at_, line_end - at_);

    const bool decided = has_end || complete;
    const auto verdict = place_ == Place::line_start    ? read_line(line, decided, text, complete)
                         : place_ == Place::value_start ? read_value_start(line, decided)
                                                        : Verdict::text;
    if (verdict == Verdict::label) return true;
    if (verdict == Verdict::wait) return false;
    if (verdict == Verdict::end) {
      if (wrapper_ != 0 && !facts_.ran_on) end_ = std::min(line_end + 1, text.size());
      ended_ = true;
      return false;
    }
    at_ = has_end ? line_end + 1 : line_end;
    add_text(at_, line);
    place_ = has_end ? Place::line_start : Place::inside_line;
    slashes_ = 0;
  }
  return false;
}

LabelSections::Verdict LabelSections::read_line(std::string_view line, bool complete, std::string_view text,
                                                bool has_all) {
  if (line.starts_with('\\')) {
    slashes_ = count_slashes(line, slashes_);
    const auto rest = line.substr(slashes_);
    const auto match = labels_.match(rest, complete);
    const auto fence = fence_at(rest, complete);
    if (match.kind == LabelMatch::Kind::possible || fence.kind == FenceLine::Kind::possible) return Verdict::wait;
    if (current_ && (match.is_label() || fence.kind == FenceLine::Kind::fence)) sections_[*current_].has_escapes = true;
    return Verdict::text;
  }
  if (fence_ == 0 || !current_) {
    const auto match = at_ < known_end_ ? known_label() : labels_.match(line, complete);
    if (match.kind == LabelMatch::Kind::possible) return Verdict::wait;
    if (match.is_label()) return read_label(match, text, has_all);
  }
  return read_fence(line, complete);
}

LabelSections::Verdict LabelSections::read_label(const LabelMatch& match, std::string_view text, bool complete) {
  if (match.kind == LabelMatch::Kind::input) {
    if (!current_ && !leading_input_) leading_input_ = at_;
    if (!current_ || required_left_ != 0) return Verdict::text;
    // `Subject:` may be a line of a letter: another question comes after an empty line, or has its answer with it.
    if (is_text(labels_.signature().outputs[*current_].type) && !follows_blank_line(text) &&
        !output_follows(text, complete))
      return complete ? Verdict::text : Verdict::wait;
    facts_.ran_on = true;
    return Verdict::end;
  }
  auto& section = sections_[match.field];
  if (complete && !section.has_text && plainer_follows(match, text)) {
    section.repeated = true;
    return Verdict::text;
  }
  if (section.found) section.repeated = true;
  if (section.has_text) {
    if (section.again == 0) section.again = at_ + match.value;
    return Verdict::text;
  }
  if (!section.found && labels_.signature().outputs[match.field].is_required()) --required_left_;
  if (!current_) {
    first_mark_ = at_;
    wrapper_ = fence_;
    facts_.fenced = wrapper_ != 0;
    fence_ = 0;
  }
  facts_.unclosed_fence |= !fences_count_;
  current_ = match.field;
  at_ += match.value;
  section = {.begin = at_,
             .end = at_,
             .found = true,
             .repeated = section.repeated,
             .spelled_as_is = match.spelled_as_is,
             .decorated = match.decorated,
             .emphasis = match.emphasis};
  place_ = Place::value_start;
  slashes_ = 0;
  return Verdict::label;
}

/// True if the line before the one at `at_` is blank, and there is text before it.
bool LabelSections::follows_blank_line(std::string_view text) const noexcept {
  if (!sections_[*current_].has_text) return false;
  const auto before = text.substr(0, at_);
  const auto last = before.find_last_not_of(blanks);
  return last != std::string_view::npos && std::ranges::count(before.substr(last), '\n') > 1;
}

/// True if a line after the one at `at_` has the label of an output.
bool LabelSections::output_follows(std::string_view text, bool complete) {
  followed_to_ = std::max(followed_to_, std::min(text.find('\n', at_), text.size() - 1) + 1);
  while (followed_to_ < text.size()) {
    const auto end = text.find('\n', followed_to_);
    if (end == std::string_view::npos && !complete) return false;
    const auto line = text.substr(followed_to_, end - followed_to_);
    if (labels_.match(line).kind == LabelMatch::Kind::output) return true;
    followed_to_ = end == std::string_view::npos ? text.size() : end + 1;
  }
  return false;
}

/// How plain the label of a line is: decorated, in other letters than its own or indented, as it was asked for.
std::size_t LabelSections::plainness(const LabelMatch& match, std::string_view line) const noexcept {
  if (match.decorated) return 0;
  return line.starts_with(labels_.signature().outputs[match.field].label) ? 2 : 1;
}

/// True if a plainer label of the same output follows, outside fences.
bool LabelSections::plainer_follows(const LabelMatch& match, std::string_view text) {
  const auto plain = plainness(match, text.substr(at_));
  if (plain == 2) return false;
  if (last_plain_.empty()) {
    last_plain_.resize(2 * sections_.size(), 0);
    const auto& outputs = labels_.signature().outputs;
    std::vector<bool> seen(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) seen[i] = sections_[i].found || !outputs[i].is_required();
    std::size_t fence = current_ ? fence_ : 0;
    for (auto at = at_; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      const auto line = text.substr(at, end - at);
      const auto found = fence_at(line, true);
      const auto here = labels_.match(line);
      if (here.is_label()) known_labels_.push_back({.at = at, .match = here});
      if (found.kind == FenceLine::Kind::fence) {
        if (fence == 0) {
          fence = found.ticks;
        } else if (found.bare && found.ticks >= fence) {
          fence = 0;
        }
      } else if (fence == 0) {
        // What follows another question was invented with it.
        if (here.kind == LabelMatch::Kind::input && !std::ranges::contains(seen, false)) break;
        if (here.kind == LabelMatch::Kind::output) {
          seen[here.field] = true;
          for (std::size_t i = plainness(here, line); i > 0; --i) last_plain_[2 * here.field + i - 1] = at;
        }
      }
      at = end + 1;
      known_end_ = at;
    }
  }
  return last_plain_[2 * match.field + plain] > at_;
}

/// What `plainer_follows` found the line at `at_` to be.
LabelMatch LabelSections::known_label() const noexcept {
  const auto found = std::ranges::lower_bound(known_labels_, at_, {}, &KnownLabel::at);
  return found != known_labels_.end() && found->at == at_ ? found->match : LabelMatch();
}

/// What follows a label on its line may open a fence, as a line may.
LabelSections::Verdict LabelSections::read_value_start(std::string_view line, bool complete) {
  const auto first = std::min(line.find_first_not_of(blanks), line.size());
  if (first == line.size()) return complete ? Verdict::text : Verdict::wait;
  auto rest = line.substr(first);
  slashes_ = count_slashes(rest, slashes_);
  rest.remove_prefix(slashes_);
  const auto fence = fence_at(rest, complete);
  if (fence.kind == FenceLine::Kind::possible) return Verdict::wait;
  if (fence.kind == FenceLine::Kind::none) return Verdict::text;
  if (slashes_ == 0) {
    open_fence(fence.ticks);
  } else {
    sections_[*current_].has_escapes = true;
  }
  return Verdict::text;
}

LabelSections::Verdict LabelSections::read_fence(std::string_view line, bool complete) {
  const auto fence = fence_at(line, complete);
  if (fence.kind == FenceLine::Kind::possible) return Verdict::wait;
  if (fence.kind == FenceLine::Kind::none) return Verdict::text;
  if (fence_ != 0) {
    if (fence.bare && fence.ticks >= fence_) fence_ = 0;
  } else if (current_ && wrapper_ != 0 && fence.bare && fence.ticks >= wrapper_) {
    return Verdict::end;
  } else {
    open_fence(fence.ticks);
  }
  return Verdict::text;
}

/// A line in which escapes matter is looked at even where fences no longer count.
FenceLine LabelSections::fence_at(std::string_view line, bool complete) const noexcept {
  if (line.empty() ? complete : line[0] != '`' && line[0] != ' ' && line[0] != '\t' && line[0] != '\r') return {};
  return match_fence(line, complete);
}

void LabelSections::open_fence(std::size_t ticks) noexcept {
  if (!fences_count_) return;
  fence_ = ticks;
  fence_line_ = at_;
}

void LabelSections::add_text(std::size_t end, std::string_view line) {
  if (!current_) return;
  auto& section = sections_[*current_];
  section.end = end;
  if (!section.has_text) section.has_text = !is_blank(line);
}

/// At the end of the text: goes back to a fence that nothing closed, to read on without it.
bool LabelSections::reopen_unclosed_fence() noexcept {
  if (fence_ == 0 || !current_) return false;
  fence_ = 0;
  fences_count_ = false;
  at_ = fence_line_;
  // The line itself holds no label: read on behind it as text.
  place_ = Place::inside_line;
  sections_[*current_].end = at_;
  return true;
}

void LabelSections::append(std::string& out, std::string_view text, std::size_t output, std::size_t from,
                           std::size_t to) const {
  // Only text on the label's own line counts as the start of the value.
  const auto before = text.substr(sections_[output].begin, from - sections_[output].begin);
  bool value_start = is_blank(before) && !before.contains('\n');
  for (; from < to; value_start = false) {
    const auto line_end = std::min(text.find('\n', from), text.size());
    if (text[from] == '\\') {
      auto rest = text.substr(from, line_end - from);
      rest.remove_prefix(count_slashes(rest));
      const bool line_start = text[from - 1] == '\n';
      const bool fence = (line_start || value_start) && match_fence(rest).kind == FenceLine::Kind::fence;
      if (fence || (line_start && labels_.match(rest).is_label())) ++from;
    }
    const auto end = std::min(line_end + 1, to);
    out += text.substr(from, end - from);
    from = end;
  }
}

}  // namespace dspy
