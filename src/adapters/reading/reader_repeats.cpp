// Whether a reply gives an output two values.

#include "adapters/reading/reader.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <format>

namespace dspy {

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

}  // namespace dspy
