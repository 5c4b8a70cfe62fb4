#include "adapters/sections.hpp"

#include "dspy/base/text.hpp"

namespace dspy {
namespace {

constexpr std::string_view white = " \t\r\n";

bool opens_fence(std::string_view line) {
  return text::trim(line).starts_with("```");
}

/// How many backslashes stand before something that is more than text; 0 if nothing does.
std::size_t guards_before(std::string_view line, const Labels& labels) {
  const auto count = std::min(line.find_first_not_of('\\'), line.size());
  if (count == 0) return 0;
  const auto rest = line.substr(count);
  return opens_fence(rest) || labels.is_label(rest) ? count : 0;
}

}  // namespace

Sections::Sections(const Labels& labels, std::size_t outputs, Fences fences)
    : labels_(labels), seen_(outputs), respect_fences_(fences == Fences::respect) {}

void Sections::push(std::string_view text, Sink& sink) {
  while (!text.empty() && !ended_) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      line_part(text, false, sink);
      return;
    }
    line_part(text.substr(0, end), true, sink);
    text.remove_prefix(end + 1);
  }
}

void Sections::finish(Sink& sink) {
  if (!ended_ && !decided_ && !line_.empty()) decide(line_, true, sink);
  close(sink);
}

void Sections::line_part(std::string_view part, bool line_end, Sink& sink) {
  if (decided_) {
    text(part, sink);
  } else if (line_.empty()) {
    decided_ = decide(part, line_end, sink);
    if (!decided_) line_ = part;
  } else {
    line_ += part;
    decided_ = decide(line_, line_end, sink);
    if (decided_) line_.clear();
  }
  if (!line_end || ended_) return;
  text("\n", sink);
  line_.clear();
  decided_ = false;
}

/// Says what a line is, and passes on its text.  False while that cannot be said.
bool Sections::decide(std::string_view line, bool whole, Sink& sink) {
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) {
    if (!whole) return false;
    text(line, sink);
    return true;
  }
  if (respect_fences_ && line[first] == '`') {
    const auto mark = line.substr(first);
    if (!mark.starts_with("```") && std::string_view("```").starts_with(mark) && !whole) return false;
    if (mark.starts_with("```")) {
      if (!whole) return false;  // what follows the mark decides
      const bool bare = text::trim(mark) == "```";
      if (in_fence_) {
        in_fence_ = !bare;
      } else if (!current_) {
        outer_fence_ = !outer_fence_;
        return true;
      } else if (outer_fence_ && bare) {
        outer_fence_ = false;
        outer_fence_seen_ = true;
        close(sink);
        return true;
      } else {
        in_fence_ = true;
      }
      text(line, sink);
      return true;
    }
  }
  if (in_fence_) {
    text(line, sink);
    return true;
  }
  if (line[0] == '\\') {
    if (!whole) return false;
    text(guards_before(line, labels_) > 0 ? line.substr(1) : line, sink);
    return true;
  }

  const auto match = labels_.match(line, whole);
  using Kind = Labels::Match::Kind;
  if (match.kind == Kind::partial) return false;
  if (match.kind == Kind::output && !seen_[match.field]) {
    close(sink);
    current_ = match.field;
    seen_[match.field] = true;
    ++seen_count_;
    has_text_ = false;
    text(line.substr(match.value), sink);
    return true;
  }
  if (match.kind == Kind::output) repeated_label_ = true;
  if (match.kind == Kind::input && seen_count_ == seen_.size()) {
    ended_ = true;  // a small model went on to invent the next question
    close(sink);
    return true;
  }
  text(line, sink);
  return true;
}

void Sections::text(std::string_view piece, Sink& sink) {
  if (piece.empty()) return;
  if (!current_) {
    leading_text_ = leading_text_ || piece.find_first_not_of(white) != std::string_view::npos;
    return;
  }
  const auto first = has_text_ ? 0 : piece.find_first_not_of(white);
  if (first == std::string_view::npos) return;  // white space before the value
  piece.remove_prefix(first);
  const auto last = piece.find_last_not_of(white);
  if (last == std::string_view::npos) {
    blanks_ += piece;
    return;
  }
  if (!blanks_.empty()) {
    sink.text(*current_, blanks_);
    blanks_.clear();
  }
  has_text_ = true;
  sink.text(*current_, piece.substr(0, last + 1));
  blanks_ = piece.substr(last + 1);
}

void Sections::close(Sink& sink) {
  if (!current_) return;
  sink.done(*current_);
  current_.reset();
  blanks_.clear();
}

void append_guarded(std::string& out, std::string_view value, const Labels& labels) {
  auto end = value.find('\n');
  if (end == std::string_view::npos) {
    out += value;
    return;
  }
  // The last fence is guarded if it has no partner, so that it cannot swallow what follows the value.
  std::size_t fences = 0;
  std::size_t last_fence = std::string_view::npos;
  for (std::size_t at = 0; at <= value.size();) {
    const auto stop = std::min(value.find('\n', at), value.size());
    const auto line = value.substr(at, stop - at);
    if (at > 0 && opens_fence(line)) {
      const bool inside = fences % 2 == 1;
      if (!inside || text::trim(line) == "```") {
        ++fences;
        last_fence = at;
      }
    }
    at = stop + 1;
  }
  if (fences % 2 == 0) last_fence = std::string_view::npos;

  out.append(value, 0, end);
  bool inside = false;
  while (end != std::string_view::npos) {
    const auto at = end + 1;
    end = value.find('\n', at);
    const auto line = value.substr(at, end == std::string_view::npos ? end : end - at);
    out += '\n';
    if (opens_fence(line) && at != last_fence) {
      inside = inside ? text::trim(line) != "```" : true;
    } else if (!inside && (at == last_fence || labels.is_label(line) || guards_before(line, labels) > 0)) {
      out += '\\';
    }
    out += line;
  }
}

}  // namespace dspy
