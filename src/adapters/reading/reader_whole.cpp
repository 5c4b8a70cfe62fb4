// Replies without any form: the whole text is the only output, unless it looks like the start of something else.

#include "adapters/reading/prelude.hpp"
#include "adapters/reading/reader.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>

namespace dspy {
namespace {

/// The text ends within a JSON object.
bool ends_within_object(std::string_view text) {
  const auto begin = text.find('{');
  if (begin == std::string_view::npos) return false;
  const auto read = read_lenient_json(text, begin);
  return read && read->repairs.has(JsonRepair::unclosed);
}

}  // namespace

void ReplyReader::take_whole() {
  auto end = text_.size();
  const auto input = labels_->leading_input();
  const auto before = text_.substr(start_, input ? *input - start_ : 0);
  const auto last = before.find_last_not_of(" \t\r\n");
  // Another question comes after an empty line: without one, a line of a letter may begin so.
  const bool is_apart = last != std::string_view::npos && std::ranges::count(before.substr(last), '\n') > 1;
  const bool is_text = signature_.outputs[0].type.required().kind == Type::Kind::string;
  if (input && (is_text ? is_apart : last != std::string_view::npos)) {
    take("ran_on");
    end = *input;
  }
  whole_ = text::trim(text_.substr(start_, end - start_));
  const auto first_end = whole_.find('\n');
  const auto last_start = whole_.rfind('\n');
  if (first_end == last_start) return;
  const auto opening = match_fence(whole_.substr(0, first_end));
  const auto closing = match_fence(whole_.substr(last_start + 1));
  if (opening.kind != FenceLine::Kind::fence || !closing.bare || closing.ticks < opening.ticks) return;
  whole_ = text::trim(whole_.substr(first_end, last_start - first_end));
  take("fenced");
}

/// True if the whole text ends in the middle of a marker, tag or label.
bool ReplyReader::ends_in_mark() const {
  const auto line = text::trim(whole_.substr(whole_.rfind('\n') + 1));
  const auto first = line.find_first_not_of("*_#`>-+ \t");
  if (first == std::string_view::npos) return false;
  const auto rest = line.substr(first);
  const auto word = rest.substr(0, rest.find_last_not_of("*_` \t") + 1);
  // Of a choice or a number its type tells enough: `cat` may be one of the categories.
  const bool is_text = signature_.outputs[0].type.required().kind == Type::Kind::string;
  if (is_text && form_.labels.is_cut_label(word)) return true;
  const auto bracket = whole_.rfind('[');
  if (bracket != std::string_view::npos) {
    const auto begin = bracket != 0 && whole_[bracket - 1] == '[' ? bracket - 1 : bracket;
    const auto mark = whole_.substr(begin);
    const bool may_be = mark.size() == 1 ? form_.form == Form::markers : mark[1] == '[' || mark.contains('#');
    if (may_be && form_.markers.match(mark, false).kind == MarkerMatch::Kind::possible) return true;
  }
  const auto tag = whole_.rfind('<');
  if (tag == std::string_view::npos || form_.tags.match(whole_.substr(tag), false).kind != TagMatch::Kind::possible)
    return false;
  auto name = whole_.substr(tag + 1);
  if (name.starts_with('/')) name.remove_prefix(1);
  return name.empty() ? form_.form == Form::xml : form_.labels.is_cut_label(name) || name.size() == 1;
}

/// True if the whole text is an object although the only output is text: the model answered under other names.
bool ReplyReader::is_other_object() const {
  if (!whole_.starts_with('{') || signature_.outputs[0].type.required().kind != Type::Kind::string) return false;
  const auto read = read_lenient_json(whole_, 0);
  if (!read || !text::trim(whole_.substr(read->end)).empty()) return false;
  const auto* const members = read->value.if_object();
  return members != nullptr && !members->empty();
}

/// True if the only output is text and the whole text ends inside an object.
bool ReplyReader::is_cut_object() const {
  return signature_.outputs[0].type.required().kind == Type::Kind::string && ends_within_object(whole_);
}

}  // namespace dspy
