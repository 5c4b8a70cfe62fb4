#include "adapters/writing/field_format.hpp"

#include "adapters/writing/clear_text.hpp"
#include "adapters/writing/type_notes.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <optional>

namespace dspy {
namespace {

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

/// Appends the text after a label, with a backslash before every line that the reader would mistake for a label.  The
/// first line follows the label and needs none.
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
  out += ReplyNotation::of(OutputContract::Form::fields).opening(field);
  Notes notes(out);
  if (!text::trim(field.description).empty()) append_description(notes.next(), field.description);
  add_type_notes(notes, field);
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
    append_plain(out += ' ', value);
  }
}

void append_output(std::string& out, const Labels& labels, const Field& field, const Json& value) {
  const auto* const text = value.if_string();
  std::string storage;
  if (text == nullptr) append_plain(storage, value);
  std::string_view content = text != nullptr ? view(*text) : storage;
  if (auto clear = clear_text(field.name, field.type, value, content)) content = storage = *std::move(clear);
  if (text == nullptr) {
    out.append(" ").append(content);
  } else if (!content.empty()) {
    out += ' ';
    if (content.contains("```")) {
      append_guarded_with_fences(out, labels, content);
    } else {
      append_guarded(out, labels, content);
    }
  }
}

}  // namespace dspy
