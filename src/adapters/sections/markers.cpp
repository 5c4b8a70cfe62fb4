#include "adapters/sections/markers.hpp"

#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>

namespace dspy {
namespace {

using Kind = MarkerMatch::Kind;

/// Bounds of what a marker may hold, so that looking for one takes a fixed time.
constexpr std::size_t longest_gap = 4;
constexpr std::size_t most_hashes = 4;
constexpr std::size_t longest_unknown_name = 64;
constexpr std::size_t most_backslashes = 64;

constexpr bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

/// Walks along a marker.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const noexcept { return position == text_.size(); }
  bool at(char c) const noexcept { return !at_end() && text_[position] == c; }
  std::string_view from(std::size_t start) const noexcept { return text_.substr(start, position - start); }

  /// Skips up to `most` characters that `is_kind` holds for; how many those were.
  template <class Predicate>
  std::size_t skip(std::size_t most, Predicate is_kind) noexcept {
    const auto start = position;
    while (!at_end() && position - start < most && is_kind(text_[position])) ++position;
    return position - start;
  }
  std::size_t skip_blanks() noexcept { return skip(longest_gap, is_blank); }
  std::size_t skip_hashes() noexcept {
    return skip(most_hashes, [](char c) { return c == '#'; });
  }

  std::size_t position = 1;

 private:
  std::string_view text_;
};

/// A marker's parts.
struct Shape {
  std::size_t backslashes = 0;
  std::size_t opening = 1;  ///< Brackets.
  std::size_t closing = 0;
  std::size_t hashes_before = 0;
  std::size_t hashes_after = 0;
  bool slash = false;  ///< Before the name.
  std::string_view name = {};
};

/// Reads the parts.  Nothing, if this can be no marker; `cut` if the text ended too early to tell.
bool read_shape(Cursor& cursor, Shape& shape, std::size_t longest_name, bool& cut) noexcept {
  const auto needs_more = [&] {
    cut = cursor.at_end();
    return cut;
  };
  shape.backslashes = cursor.skip(most_backslashes, [](char c) { return c == '\\'; });
  cursor.skip_blanks();
  if (needs_more()) return false;
  if (cursor.at('[')) {
    ++shape.opening;
    ++cursor.position;
    cursor.skip_blanks();
    if (cursor.at('[')) {  // one too many
      ++cursor.position;
      cursor.skip_blanks();
    }
  }
  const auto skip_slash = [&] {
    if (shape.slash || !cursor.at('/')) return;
    shape.slash = true;
    ++cursor.position;
    cursor.skip_blanks();
  };
  skip_slash();
  shape.hashes_before = cursor.skip_hashes();
  cursor.skip_blanks();
  skip_slash();

  const auto start = cursor.position;
  cursor.skip(longest_name, [](char c) { return is_name_character(c) || c == ' ' || c == '-'; });
  shape.name = text::trim(cursor.from(start));
  cursor.skip_blanks();
  shape.hashes_after = cursor.skip_hashes();
  cursor.skip_blanks();
  if (needs_more() || !cursor.at(']')) return false;
  ++cursor.position;
  shape.closing = 1;
  const auto first = cursor.position;
  if (shape.opening == 2) cursor.skip_blanks();
  if (!needs_more() && cursor.at(']')) {
    ++cursor.position;
    shape.closing = 2;
    if (cursor.at(']')) ++cursor.position;  // one too many
  } else {
    cursor.position = first;
  }
  return true;
}

/// True if the name may begin with `end` or `close`.
constexpr bool may_begin_end_word(std::string_view name) noexcept {
  return !name.empty() && std::string_view("eEcC").contains(name[0]);
}

/// The name of the section that a marker says it ends: `/answer`, `end answer`, `end of answer`.
std::string_view name_of_end(const Shape& shape) noexcept {
  if (shape.slash) return shape.name;
  if (!may_begin_end_word(shape.name)) return {};
  for (const std::string_view word : {"end of ", "end_of_", "end ", "end_", "close "}) {
    if (text::equals_ignoring_case(shape.name.substr(0, word.size()), word))
      return text::trim(shape.name.substr(word.size()));
  }
  return {};
}

bool is_identifier(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_unknown_name && std::ranges::all_of(name, is_name_character);
}

}  // namespace

Markers::Markers(const Labels& labels) noexcept : labels_(labels), longest_name_(longest_unknown_name) {
  for (const auto* fields : {&signature().inputs, &signature().outputs}) {
    for (const auto& field : *fields)
      longest_name_ = std::max({longest_name_, 2 * field.name.size(), 2 * field.label.size()});
  }
}

MarkerMatch Markers::match(std::string_view text, bool complete) const noexcept {
  Cursor cursor(text);
  Shape shape;
  bool cut = false;
  const bool whole = read_shape(cursor, shape, longest_name_, cut);
  if (cut && !complete) return {.kind = Kind::possible};
  // Text without at least one side of a marker is not one, and an unknown name needs both.
  const bool full = shape.opening == 2 && shape.closing == 2;
  const bool hashed = shape.hashes_before != 0 && shape.hashes_after != 0;
  if (!whole || shape.name.empty() || !(full || hashed)) return {};
  MarkerMatch found{.kind = Kind::unknown, .size = cursor.position};
  const auto output = labels_.find_output(shape.name);
  const bool may_end = shape.slash || output == signature().outputs.size();
  if (const auto ended = may_end ? name_of_end(shape) : std::string_view(); !ended.empty()) {
    const bool known = labels_.find_output(ended) != signature().outputs.size() ||
                       labels_.find_input(ended) != signature().inputs.size();
    if (known) {
      const auto kind = shape.backslashes != 0 ? Kind::escaped : Kind::closing;
      return {.kind = kind, .size = found.size, .spelled_as_is = false};
    }
  }
  if (shape.slash) return {};
  const auto input = labels_.find_input(shape.name);
  if (output != signature().outputs.size()) {
    found.kind = Kind::output;
    found.field = output;
    found.spelled_as_is = shape.name == signature().outputs[output].name;
  } else if (text::equals_ignoring_case(shape.name, completed_name)) {
    found.kind = Kind::completed;
    found.spelled_as_is = shape.name == completed_name;
  } else if (input != signature().inputs.size()) {
    found.kind = Kind::input;
    found.field = input;
    found.spelled_as_is = shape.name == signature().inputs[input].name;
  }
  const bool known = found.kind == Kind::output || found.kind == Kind::completed;
  if (!known && !(full && hashed && (found.kind == Kind::input || is_identifier(shape.name)))) return {};
  if (shape.backslashes != 0) return {.kind = Kind::escaped, .size = found.size};
  const auto& notation = ReplyNotation::of(OutputContract::Form::markers);
  const auto around = notation.before_name.size() + notation.after_name.size();
  found.spelled_as_is = found.spelled_as_is && found.size == shape.name.size() + around &&
                        text.starts_with(notation.before_name) &&
                        text.substr(0, found.size).ends_with(notation.after_name);
  return found;
}

void append_escaping_markers(std::string& out, const Markers& markers, std::string_view text) {
  std::size_t written = 0;
  for (auto at = text.find('['); at != std::string_view::npos;) {
    const auto found = markers.match(text.substr(at));
    if (found.kind == Kind::none) {
      at = text.find('[', at + 1);
      continue;
    }
    out.append(text.substr(written, at + 1 - written)).append("\\");
    written = at + 1;
    at = text.find('[', at + found.size);
  }
  out.append(text.substr(written));
}

void append_unescaping_markers(std::string& out, const Markers& markers, std::string_view text) {
  std::size_t written = 0;
  for (auto at = text.find('['); at != std::string_view::npos;) {
    const auto found = markers.match(text.substr(at));
    if (found.kind == Kind::escaped) {
      out.append(text.substr(written, at + 1 - written));
      written = at + 2;
    }
    at = text.find('[', at + std::max<std::size_t>(found.size, 1));
  }
  out.append(text.substr(written));
}

}  // namespace dspy
