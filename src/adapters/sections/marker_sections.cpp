#include "adapters/sections/marker_sections.hpp"

#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>

namespace dspy {
namespace {

using Kind = MarkerMatch::Kind;

/// How much may surround a marker on its line; it bounds what a stream must hold back.
constexpr std::size_t longest_surroundings = 256;
constexpr std::size_t longest_emphasis = 4;
/// How much of a cut marker tells that it is one: `[[ ##`, give or take the blanks.
constexpr std::size_t shortest_cut_marker = 4;

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_emphasis(char c) noexcept {
  return c == '*' || c == '_' || c == '`';
}
constexpr bool is_decoration(char c) noexcept {
  return is_blank(c) || is_emphasis(c) || c == '#' || c == '>' || c == '-' || c == '+';
}

bool is_all_blank(std::string_view text) noexcept {
  return std::ranges::all_of(text, is_blank);
}

/// The text on the line before `at`, or nothing if it is too long to be decoration.  The text begins at `start`.
std::optional<std::string_view> line_before(std::string_view text, std::size_t start, std::size_t at) noexcept {
  const auto lowest = std::max(start, at > longest_surroundings ? at - longest_surroundings : 0);
  const auto near = text.substr(lowest, at - lowest);
  const auto line_end = near.rfind('\n');
  if (line_end != std::string_view::npos) return near.substr(line_end + 1);
  return lowest == start ? std::optional(near) : std::nullopt;
}

/// True for characters that may precede a marker at the start of a line: blanks, emphasis, bullets, `1.`
bool is_decorating(std::string_view line) noexcept {
  const auto first = std::min(line.find_first_not_of(" \t"), line.size());
  const auto digits = std::min(line.find_first_not_of("0123456789", first), line.size());
  if (digits != first && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
      is_blank(line[digits + 1]))
    line.remove_prefix(digits + 1);
  return std::ranges::all_of(line, is_decoration);
}

std::size_t count_emphasis_before(std::string_view text, std::size_t at) noexcept {
  std::size_t count = 0;
  while (count < longest_emphasis && count < at && is_emphasis(text[at - count - 1])) ++count;
  return count;
}

std::size_t count_emphasis_after(std::string_view text, std::size_t at, std::size_t most) noexcept {
  std::size_t count = 0;
  while (count < most && at + count < text.size() && is_emphasis(text[at + count])) ++count;
  return count;
}

/// Where what may belong to a marker at `at` begins.
std::size_t begin_of_surroundings(std::string_view text, std::size_t start, std::size_t at) noexcept {
  const auto line = line_before(text, start, at);
  return line && is_decorating(*line) ? at - line->size() : at - count_emphasis_before(text, at);
}

/// Where the code fence begins that is the last line of `text`, if it is one.
std::optional<std::size_t> last_fence(std::string_view text) noexcept {
  const auto end = text.find_last_not_of(" \t\r\n\v\f");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line_end = text.rfind('\n', end);
  const auto at = line_end == std::string_view::npos ? 0 : line_end + 1;
  const auto fence = match_fence(text.substr(at, end + 1 - at));
  return fence.kind == FenceLine::Kind::fence ? std::optional(at) : std::nullopt;
}

/// Where the line begins, from the end of a line on, that closes a fence of so many ticks.
std::size_t end_of_fence(std::string_view text, std::size_t line_end, std::size_t ticks) noexcept {
  while (line_end < text.size()) {
    const auto begin = line_end + 1;
    line_end = std::min(text.find('\n', begin), text.size());
    const auto fence = match_fence(text.substr(begin, line_end - begin));
    if (fence.kind == FenceLine::Kind::fence && fence.bare && fence.ticks >= ticks) return begin;
  }
  return std::string_view::npos;
}

bool has_odd_fences(std::string_view text) noexcept {
  bool odd = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    odd ^= match_fence(text.substr(0, end)).kind == FenceLine::Kind::fence;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return odd;
}

}  // namespace

MarkerSections::MarkerSections(const Markers& markers)
    : SearchedSections(markers.signature(), '['),
      markers_(markers),
      anchored_(markers.signature().outputs.size() + 1, false),
      last_anchors_(anchored_.size(), 0) {}

MarkerSections::Verdict MarkerSections::read_at(std::string_view text, std::size_t at, bool complete) {
  const auto match = markers_.match(text.substr(at));
  if (match.kind == Kind::escaped && current_) sections_[*current_].has_escapes = true;
  looked_at_ = at + std::max<std::size_t>(match.size, 1);
  if (!match.is_marker()) return Verdict::passed;
  const auto mark = surroundings(text, at, match);
  if (mark.starts_line && is_fenced(text, mark)) return Verdict::passed;
  read_to(text, mark.begin);
  switch (judge(text, mark, complete)) {
    case Meaning::text: return Verdict::passed;
    case Meaning::unknown: return Verdict::wait;
    case Meaning::mark: break;
  }
  return take(text, mark) ? Verdict::changed : Verdict::passed;
}

/// Finds the markers at the starts of lines, which decide what those inside lines are.
MarkerSections::Seen MarkerSections::look_at(std::string_view text, std::size_t at, bool complete) {
  const auto match = markers_.match(text.substr(at), complete);
  if (match.kind == Kind::output || match.kind == Kind::completed) {
    if (const auto line = line_before(text, start_, at); line && is_decorating(*line)) {
      const auto mark = match.kind == Kind::output ? match.field : sections_.size();
      anchored_[mark] = true;
      last_anchors_[mark] = at;
      if (match.kind == Kind::output) last_anchor_ = at;
    }
  }
  return {.size = match.size, .is_cut = match.kind == Kind::possible};
}

std::size_t MarkerSections::settled(std::string_view text, std::size_t end) const noexcept {
  return begin_of_surroundings(text, start_, end);
}

MarkerSections::Mark MarkerSections::surroundings(std::string_view text, std::size_t at,
                                                  const MarkerMatch& match) const {
  Mark mark{.match = match, .at = at, .begin = at, .end = at + match.size};
  const auto line = line_before(text, start_, at);
  const auto opened = count_emphasis_before(text, at);
  const auto closed = count_emphasis_after(text, mark.end, opened);
  mark.starts_line = line && is_decorating(*line);
  if (mark.starts_line) {
    mark.begin = at - line->size();
    mark.emphasis = opened - closed;
    mark.decorated = !is_all_blank(*line);
  } else {
    mark.begin = at - closed;
    mark.decorated = closed != 0;
  }
  mark.end += closed;
  if (const auto size = size_of_rest(text.substr(mark.end), mark); size != 0) {
    mark.decorated = true;
    mark.end += size;
  }
  return mark;
}

/// True if a marker is text since a code fence is open there that began within the section and is closed further on. If
/// all sections are in a fence, others do not count.
bool MarkerSections::is_fenced(std::string_view text, const Mark& mark) noexcept {
  if (!current_ || facts_.fenced) return false;
  const bool is_output = mark.match.kind == Kind::output;
  const bool opens_or_ends = is_output || mark.match.kind == Kind::completed;
  if (opens_or_ends && last_anchors_[is_output ? mark.match.field : sections_.size()] <= mark.at) return false;
  while (fences_known_ < mark.begin) {
    const auto end = std::min(text.find('\n', fences_known_), text.size());
    const auto fence = match_fence(text.substr(fences_known_, end - fences_known_));
    if (fence.kind == FenceLine::Kind::fence) {
      if (fence_ == 0) {
        fence_ = fence.ticks;
        fence_end_ = end_of_fence(text, end, fence.ticks);
      } else if (fences_known_ >= fence_end_) {
        fence_ = 0;
      }
    }
    fences_known_ = end + 1;
  }
  return fence_ != 0 && fence_end_ < text.size();
}

bool MarkerSections::is_anchored(const MarkerMatch& match) const noexcept {
  return anchored_[match.kind == Kind::output ? match.field : sections_.size()];
}

MarkerSections::Meaning MarkerSections::judge(std::string_view text, const Mark& mark, bool complete) const noexcept {
  // The rest of a line may belong to its marker.
  if (!complete && mark.starts_line && text.size() - mark.end < longest_surroundings &&
      !text.substr(mark.end).contains('\n') && may_be_rest(text.substr(mark.end)))
    return Meaning::unknown;
  if (!complete && mark.end == text.size()) return Meaning::unknown;
  if (mark.starts_line) return Meaning::mark;
  const bool ends_reply = mark.match.kind == Kind::completed;
  if ((!ends_reply && mark.match.kind != Kind::output) || is_anchored(mark.match)) return Meaning::text;
  if (current_ && one_line_ && !ends_reply) return Meaning::mark;
  if (!complete) return Meaning::unknown;
  if (ends_reply && mark.at < last_anchor_) return Meaning::text;
  if (current_ && one_line_) return Meaning::mark;
  const auto rest = text.substr(mark.end);
  if (is_all_blank(rest.substr(0, rest.find('\n')))) return Meaning::mark;
  const auto before = text::trim(text.substr(0, mark.begin));
  const bool sentence_ended = !before.empty() && std::string_view(":.!?").contains(before.back());
  return !ends_reply && !has_mark() && sentence_ended ? Meaning::mark : Meaning::text;
}

/// Acts on a marker that counts.  True if a section has begun or ended.
bool MarkerSections::take(std::string_view text, const Mark& mark) {
  at_ = mark.end;
  if (!has_mark()) {
    first_mark_ = mark.begin;
    facts_.fenced = last_fence(text.substr(start_, mark.begin - start_)).has_value();
  }
  const bool was_open = current_.has_value();
  auto kind = mark.match.kind;
  if (kind == Kind::output) {
    auto& section = sections_[mark.match.field];
    if (!section.has_text) {
      open(mark);
      return true;
    }
    if (markers_.signature().outputs[mark.match.field].name == completed_name) {
      kind = Kind::completed;
    } else {
      section.repeated = true;
      if (section.again == 0) section.again = mark.end;
    }
  }
  current_.reset();
  if (kind == Kind::input && required_left_ == 0) {
    facts_.ran_on = ended_ = true;
  } else if (kind == Kind::completed) {
    completed_ = true;
    ended_ = required_left_ == 0;
    if (ended_) end_ = at_;
  } else if (kind != Kind::output) {
    facts_.extra_section = true;
  }
  return was_open;
}

void MarkerSections::open(const Mark& mark) {
  auto& section = sections_[mark.match.field];
  if (!section.found && markers_.signature().outputs[mark.match.field].is_required()) --required_left_;
  current_ = mark.match.field;
  one_line_ = true;
  fence_ = 0;
  fences_known_ = mark.end;
  section = {.begin = mark.end,
             .end = mark.end,
             .found = true,
             .repeated = section.found,
             .spelled_as_is = mark.match.spelled_as_is,
             .decorated = mark.decorated,
             .inside_line = !mark.starts_line,
             .emphasis = mark.emphasis};
}

void MarkerSections::added(std::string_view text) noexcept {
  one_line_ = one_line_ && !text.contains('\n');
}

/// At the end of a text that no marker ended.
void MarkerSections::close_at_end(std::string_view text) {
  ended_ = true;
  facts_.unfinished = has_mark() && !completed_;
  if (!current_) return;
  auto& section = sections_[*current_];
  const auto value = text.substr(section.begin, section.end - section.begin);
  if (const auto cut = find_cut_marker(text, section.begin)) {
    section.end = *cut;
  } else if (const auto fence = last_fence(value); fence && facts_.fenced && has_odd_fences(value)) {
    section.end = section.begin + *fence;
    end_ = text.size();
  }
  section.has_text = !is_all_blank(text.substr(section.begin, section.end - section.begin));
}

/// Where a line begins that is the beginning of a marker and no more, at the end of the text.
std::optional<std::size_t> MarkerSections::find_cut_marker(std::string_view text, std::size_t from) const noexcept {
  const auto at = text.rfind("[[");
  if (at == std::string_view::npos || at < from || text.size() - at < shortest_cut_marker) return std::nullopt;
  const auto line = line_before(text, start_, at);
  const bool is_cut = line && is_decorating(*line) && text.substr(at).contains('#') &&
                      markers_.match(text.substr(at), false).kind == Kind::possible;
  return is_cut ? std::optional(std::max(from, at - line->size())) : std::nullopt;
}

void MarkerSections::append(std::string& out, std::string_view text, std::size_t /*output*/, std::size_t from,
                            std::size_t to) const {
  append_unescaping_markers(out, markers_, text.substr(from, to - from));
}

}  // namespace dspy
