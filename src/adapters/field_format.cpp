#include "adapters/field_format.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// The shortest text that reads back as the same number, without `.0`.
template <class T>
void append_number(std::string& out, T number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  out.append(buffer.data(), end);
}

/// The parts of a hint, which open a parenthesis when the first of them comes.
class Notes {
 public:
  explicit Notes(std::string& out) : out_(out) {}
  ~Notes() {
    if (open_) out_ += ')';
  }
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;

  /// Begins a part, which the caller appends.
  std::string& next() {
    out_ += open_ ? "; " : " (";
    open_ = true;
    return out_;
  }

 private:
  std::string& out_;
  bool open_ = false;
};

/// A description may be written over several lines; a hint is one.
void append_description(std::string& out, std::string_view description) {
  description = text::trim(description);
  if (description.ends_with('.') && !description.ends_with("..")) description.remove_suffix(1);
  bool blank = false;
  for (const char c : description) {
    if (c == '\n' || c == '\r') {
      blank = true;
      continue;
    }
    if (blank && c != ' ' && c != '\t') {
      out += ' ';
      blank = false;
    }
    if (!blank) out += c;
  }
}

void append_choices(std::string& out, const Type& type) {
  out += "one of: ";
  for (std::size_t i = 0; i < type.choices.size(); ++i) {
    if (i != 0) out += ", ";
    const auto& choice = type.choices[i];
    if (choice.is_string()) {
      out += view(choice.get_string());
    } else {
      append_text(out, choice);
    }
  }
}

void append_number_phrase(std::string& out, std::string_view what, const Field& field) {
  out += what;
  if (field.minimum && field.maximum) {
    append_number(out += " from ", *field.minimum);
    append_number(out += " to ", *field.maximum);
  } else if (field.minimum) {
    append_number(out += ", at least ", *field.minimum);
  } else if (field.maximum) {
    append_number(out += ", at most ", *field.maximum);
  }
}

void append_length(std::string& out, std::string_view bound, std::size_t length, std::string_view unit) {
  append_number(out += bound, length);
  out.append(" ").append(unit);
  if (length != 1) out += 's';
}

void append_type(Notes& notes, const Field& field) {
  const auto& type = field.type.required();
  switch (type.kind) {
    case Kind::integer: append_number_phrase(notes.next(), "a whole number", field); break;
    case Kind::number: append_number_phrase(notes.next(), "a number", field); break;
    case Kind::boolean: notes.next() += "true or false"; break;
    case Kind::literal: append_choices(notes.next(), type); break;
    case Kind::list: notes.next() += "a JSON list"; break;
    case Kind::dict: notes.next() += "a JSON object"; break;
    default: break;
  }
  const std::string_view unit = type.kind == Kind::list || type.kind == Kind::dict ? "item" : "character";
  if (field.min_length) append_length(notes.next(), "at least ", *field.min_length, unit);
  if (field.max_length) append_length(notes.next(), "at most ", *field.max_length, unit);
}

/// Calls `visit` with each line of `text`, with its line end.
template <class F>
void for_each_line(std::string_view text, F&& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    visit(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view without_end(std::string_view line) noexcept {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

std::string_view without_slashes(std::string_view line) noexcept {
  return line.substr(std::min(line.find_first_not_of('\\'), line.size()));
}

/// Where in `text` a code fence is opened that nothing closes.
std::optional<std::size_t> unclosed_fence(std::string_view text) {
  std::size_t ticks = 0;
  std::size_t opened = 0;
  std::size_t at = 0;
  for_each_line(text, [&](std::string_view line) {
    const auto fence = match_fence(without_end(line));
    if (fence.kind == FenceLine::Kind::fence) {
      if (ticks == 0) {
        ticks = fence.ticks;
        opened = at;
      } else if (fence.bare && fence.ticks >= ticks) {
        ticks = 0;
      }
    }
    at += line.size();
  });
  return ticks == 0 ? std::nullopt : std::optional(opened);
}

/// Appends what stands after a label, with a backslash before every line that the reader would
/// take for a label.  Its first line stands behind the label and is none.
void append_guarded(std::string& out, const Labels& labels, std::string_view text) {
  auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) {
    out += text;
    return;
  }
  out += text.substr(0, line_end + 1);
  for_each_line(text.substr(line_end + 1), [&](std::string_view line) {
    if (labels.match(without_slashes(without_end(line))).is_label()) out += '\\';
    out += line;
  });
}

/// The same for an assistant turn, where fences matter to the reader as well: one that is not
/// closed would swallow the labels after it, and a backslash before one would be taken away.
void append_guarded_with_fences(std::string& out, const Labels& labels, std::string_view text) {
  const auto unclosed = unclosed_fence(text);
  std::size_t at = 0;
  for_each_line(text, [&](std::string_view line) {
    const auto inner = without_slashes(without_end(line));
    const bool slashed = line.starts_with('\\');
    const bool fence = match_fence(inner).kind == FenceLine::Kind::fence && (slashed || (unclosed && at >= *unclosed));
    if (fence || (at != 0 && labels.match(inner).is_label())) out += '\\';
    out += line;
    at += line.size();
  });
}

bool is_list_of_strings(const Json& value) {
  const auto* const items = value.if_array();
  return items != nullptr && !items->empty() &&
         std::ranges::all_of(*items, [](const Json& item) { return item.is_string(); });
}

void append_numbered(std::string& out, const Labels& labels, const JsonArray& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    append_number(out += "\n[", i + 1);
    out += "] ";
    append_guarded(out, labels, view(items[i].get_string()));
  }
}

/// What is neither string nor list of strings.
void append_plain(std::string& out, const Json& value) {
  out += ' ';
  if (value.is_null()) {
    out += "none";
  } else if (value.is_double()) {
    append_number(out, value.get_double());
  } else {
    append_text(out, value);
  }
}

}  // namespace

void append_hint(std::string& out, const Field& field) {
  out.append(field.label).append(":");
  Notes notes(out);
  if (!text::trim(field.description).empty()) append_description(notes.next(), field.description);
  append_type(notes, field);
  if (!field.is_required()) notes.next() += "optional";
}

void append_input(std::string& out, const Labels& labels, const Json& value) {
  if (const auto* const text = value.if_string()) {
    if (text->empty()) return;
    out += ' ';
    append_guarded(out, labels, view(*text));
  } else if (is_list_of_strings(value)) {
    append_numbered(out, labels, value.get_array());
  } else {
    append_plain(out, value);
  }
}

void append_output(std::string& out, const Labels& labels, const Json& value) {
  const auto* const text = value.if_string();
  if (text == nullptr) {
    append_plain(out, value);
  } else if (!text->empty()) {
    out += ' ';
    const auto content = view(*text);
    if (content.contains("```")) {
      append_guarded_with_fences(out, labels, content);
    } else {
      append_guarded(out, labels, content);
    }
  }
}

}  // namespace dspy
