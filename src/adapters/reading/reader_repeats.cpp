// Whether a reply gives an output two values.

#include "adapters/coercion/scalars.hpp"
#include "adapters/reading/reader.hpp"
#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr std::array<std::string_view, 13> corrections = {
    "actually",          "wait", "correction", "corrected",  "sorry",         "oops", "scratch that",
    "on second thought", "no",   "i mean",     "my mistake", "alternatively", "or"};

constexpr bool is_of_word(char c) noexcept {
  return text::is_letter(c) || text::is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

/// `Wait, …`, `No, 5`, `Actually negative`: a model that has thought again.
bool begins_correction(std::string_view text) {
  const auto first = std::min(text.find_first_not_of("*_#\"'`(>- \t\r\n"), text.size());
  text.remove_prefix(first);
  if (text.empty()) return false;
  const auto letter = text::lower(text[0]);
  for (const auto words : corrections) {
    if (letter != words[0] || !text::equals_ignoring_case(text.substr(0, words.size()), words)) continue;
    const auto rest = text.substr(words.size());
    // `Not` and `order` are other words; of `no evidence` and `wait time` only what is set apart is a correction.
    const bool is_word = rest.empty() || !is_of_word(rest[0]);
    const bool is_apart = !rest.empty() && std::string_view(",.:!\n\xE2").contains(rest[0]);
    if (is_word && (words.size() > std::string_view("wait").size() || is_apart)) return true;
  }
  return false;
}

/// True if a text names an input, as another question does.
bool names_input(std::string_view text, const Labels& labels) {
  for (const auto& input : labels.signature().inputs) {
    if (text.contains(std::format("<{}>", input.name)) || text.contains(std::format("## {} ##", input.name)))
      return true;
  }
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (labels.match(text.substr(0, end)).kind == LabelMatch::Kind::input) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace

/// The text after the mark of an output that already has a value, if it is a value too.
std::optional<std::string> ReplyReader::second_text(std::size_t output) const {
  const auto begin = (*sections_)[output].again;
  if (begin == 0) return text_behind_end(output);
  auto rest = text_.substr(begin);
  if (labels_ && sections_ == &*labels_) {
    rest = rest.substr(0, rest.find('\n'));
  } else if (is_tagged()) {
    rest = rest.substr(0, rest.find(ReplyNotation::of(Form::xml).before_close));
  } else {
    rest = rest.substr(0, rest.find(text::trim_end(ReplyNotation::of(Form::markers).before_name)));
  }
  return std::string(text::trim(rest));
}

/// The output's text in a second reply behind the end of the first one, unless that answers another question.
std::optional<std::string> ReplyReader::text_behind_end(std::size_t output) const {
  const auto end = sections_->end();
  if (!end || (labels_ && sections_ == &*labels_) || text::trim(text_.substr(*end)).empty()) return std::nullopt;
  const auto read = [&](Sections& sections) -> std::optional<std::string> {
    sections.start_at(*end);
    while (sections.step(text_, true)) {
    }
    if (!sections[output].has_text) return std::nullopt;
    const auto between = text_.substr(*end, sections[output].begin - *end);
    const bool is_of_another = std::ranges::any_of(signature_.inputs, [&](const Field& input) {
      return between.contains(std::format("<{}>", input.name)) || between.contains(std::format("## {} ##", input.name));
    });
    if (is_of_another) return std::nullopt;
    std::string storage;
    return std::string(sections.value(text_, output, storage));
  };
  if (is_tagged()) {
    TagSections sections(form_.tags);
    return read(sections);
  }
  MarkerSections sections(form_.markers);
  return read(sections);
}

/// True if labelled lines give each of several outputs twice: a draft and an answer, in whatever order.
bool ReplyReader::is_answered_twice() const {
  if (!labels_ || sections_ != &*labels_) return false;
  std::size_t twice = 0;
  for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
    if (!(*sections_)[i].has_text) continue;
    if ((*sections_)[i].again == 0) return false;
    ++twice;
  }
  return twice > 1;
}

/// True if the reply gives the output another value too.  A line that repeats the label of a text is part of that text.
bool ReplyReader::is_contradicted(std::size_t output, const Field& field, const Json& value) const {
  const auto kind = field.type.required().kind;
  const bool is_text = kind == Type::Kind::string || kind == Type::Kind::code || kind == Type::Kind::reasoning;
  if (is_text && labels_ && sections_ == &*labels_) return false;
  const auto second = second_text(output);
  if (!second || second->empty()) return false;
  std::vector<Flag> flags;
  Repairs repairs(flags, field.name);
  const auto other = coerce(field, *second, repairs);
  return other && *other != value;
}

/// What stands behind the end of the reply, unless it answers another question.
std::string_view ReplyReader::text_behind() const {
  std::string_view out;
  if (found_ == Found::json) out = text_.substr(object_end_);
  if (found_ == Found::sections && sections_->end() && !sections_->facts().ran_on)
    out = text_.substr(*sections_->end());
  return text::trim(out);
}

/// True if the text gives the output another value, in whatever form, or begins to correct it.
bool ReplyReader::says_otherwise(std::string_view rest, std::size_t output, const Field& field,
                                 const Json& value) const {
  if (rest.empty() || is_part_) return false;
  if (begins_correction(rest)) return true;
  if (rest.find_first_of(":<[") == std::string_view::npos) return false;
  const ReplyReader other(form_, rest, Behind{.is_doubted = true});
  const bool is_json = other.found_ == Found::json;
  if (!is_json && (other.found_ != Found::sections || !(*other.sections_)[output].found)) return false;
  const auto first = is_json ? other.object_begin_ : (*other.sections_)[output].begin;
  if (names_input(rest.substr(0, first), form_.labels)) return false;
  std::vector<Flag> flags;
  Repairs repairs(flags, field.name);
  const auto second = other.value_of(output, field, repairs);
  return second && *second && **second != value;
}

/// The value that the first of several lines holds, unless the others hold another one.
Coerced ReplyReader::unless_taken_back(std::string_view text, std::size_t output, const Field& field,
                                       Coerced value) const {
  const auto line_end = text.find('\n');
  if (!value || line_end == std::string_view::npos || !is_scalar(field.type.required())) return value;
  if (!says_otherwise(text::trim(text.substr(line_end)), output, field, *value)) return value;
  return within_limits(field, refuse(*value, "comes with a correction",
                                     std::format("`{}` is followed by another value or a correction", field.name)));
}

}  // namespace dspy
