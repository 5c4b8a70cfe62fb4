#include "notation.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {

using namespace notation;

namespace {

constexpr std::size_t most_fields = 1000;  // keeps the search for repeated names cheap on hostile input

constexpr std::string_view known_types =
    "str, int, float, bool, list[T], dict[K, V], Literal['a', 'b'], Optional[T], `A | B`, an object `{name: str}`, or "
    "one of DSPy's types such as `Image`";

constexpr std::string_view separators = ",:=[]|{}()";

/// The type that other languages call `name`, if any.
std::string_view meant_type(std::string_view name) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr auto meant = std::to_array<Pair>({{"string", "str"},
                                                     {"text", "str"},
                                                     {"UUID", "str"},
                                                     {"duration", "timedelta"},
                                                     {"integer", "int"},
                                                     {"long", "int"},
                                                     {"number", "float"},
                                                     {"double", "float"},
                                                     {"Decimal", "float"},
                                                     {"complex", "float"},
                                                     {"boolean", "bool"},
                                                     {"array", "list[T]"},
                                                     {"vector", "list[T]"},
                                                     {"object", "dict[K, V]"},
                                                     {"map", "dict[K, V]"},
                                                     {"json", "Any"},
                                                     {"blob", "bytes"},
                                                     {"enum", "Literal['a', 'b']"}});
  for (const auto& [other, ours] : meant) {
    if (text::equals_ignoring_case(name, other)) return ours;
  }
  return {};
}

}  // namespace

std::string_view rule_for_names(std::string_view name) noexcept {
  const bool is_ascii = std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  return is_ascii ? "use letters, digits and `_`, and do not start with a digit"
                  : "use letters in Unicode's NFKC form, digits and `_`, and do not start with a digit";
}

NotationReader::NotationReader(std::string_view text, const NamedTypes* names) : text_(text), names_(names) {
  if (const auto position = text::invalid_utf8(text)) {
    throw Error(Errc::signature_error,
                std::format("byte {} of the signature is not UTF-8; save the text as UTF-8", *position),
                {.position = position});
  }
}

void NotationReader::fields(std::vector<Field>& side, const std::vector<Field>& taken) {
  for (skip_space(); !at_end() && !at_arrow(); skip_space()) {
    const auto start = position_;
    const auto name = word();
    if (here() == ',' && name.empty())
      fail("a field name is missing before the `,`", start, "write a name there, or take the comma away");
    if (!is_identifier(name) || !at_border()) {
      fail_other_arrow();
      fail(std::format("`{}` is not a field name", token(start)), start, rule_for_names(token(start)));
    }
    const auto same = [&](const Field& field) { return field.name == name; };
    if (std::ranges::any_of(side, same) || std::ranges::any_of(taken, same))
      fail(std::format("the name `{}` is already taken", name), start, "give each input and output a name of its own");
    if (side.size() + taken.size() == most_fields)
      fail(std::format("there are more than {} fields", most_fields), start,
           "put values that belong together into a list or dict");

    auto& field = side.emplace_back(std::string(name));
    field.label = text::to_words(name);
    rest_of(field);
    skip_space();
    if (take(',') || at_end() || at_arrow()) continue;
    fail_other_arrow();
    if (!text_.contains("->")) arrow();  // which throws
    fail_unexpected();
  }
}

void NotationReader::arrow() {
  if (at_arrow()) {
    position_ += 2;
    return;
  }
  fail("the arrow `->` is missing", position_, "write inputs, `->` and outputs, such as `question -> answer`");
}

void NotationReader::end() {
  skip_space();
  if (at_end()) return;
  if (!at_arrow()) fail_unexpected();
  fail("there is a second `->`", position_, "write all inputs before the one arrow and all outputs after it");
}

void NotationReader::fail_without_outputs() const {
  fail("no output field follows the `->`", position_, "name at least one, such as `question -> answer`");
}

std::size_t NotationReader::open(std::string_view name, std::size_t start) {
  skip_space();
  const auto bracket = position_;
  if (take('[')) return bracket;
  fail(std::format("`{}` needs its types in brackets", name), start,
       name == "Literal" ? "write `Literal['yes', 'no']`" : std::format("write `{}[str]`", name));
}

bool NotationReader::take_close(std::size_t bracket) {
  skip_space();
  const bool comma = take(',');
  skip_space();
  if (take(']')) return true;
  if (at_end() || at_arrow()) fail("the `[` is not closed", bracket, "add a `]`");
  if (!comma) fail_unexpected();
  return false;
}

void NotationReader::close(std::size_t bracket) {
  if (!take_close(bracket)) fail("there are too many types in the brackets", position_, "add a `]` before this one");
}

bool NotationReader::at_border() const noexcept {
  return at_end() || is_space(here()) || at_arrow() || separators.contains(here());
}

void NotationReader::skip_space() noexcept {
  while (position_ < text_.size() && is_space(text_[position_])) ++position_;
}

bool NotationReader::next_is(char c) const noexcept {
  auto i = position_;
  while (i < text_.size() && is_space(text_[i])) ++i;
  return i < text_.size() && text_[i] == c;
}

bool NotationReader::take(char c) noexcept {
  if (here() != c || at_end()) return false;
  ++position_;
  return true;
}

std::string_view NotationReader::word() noexcept {
  const auto start = position_;
  while (position_ < text_.size() && is_name_part(text_[position_])) ++position_;
  if (position_ < text_.size() && static_cast<unsigned char>(text_[position_]) >= 0x80)
    position_ += word_size(text_.substr(position_));
  return text_.substr(start, position_ - start);
}

std::string_view NotationReader::token(std::size_t position) const noexcept {
  constexpr std::size_t longest = 40;
  auto end = position;
  while (end < text_.size() && !is_space(text_[end]) && !separators.contains(text_[end])) ++end;
  if (end == position && end < text_.size()) ++end;
  if (end - position > longest) {
    end = position + longest;
    while ((static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) --end;
  }
  return text_.substr(position, end - position);
}

void NotationReader::fail(std::string_view what, std::size_t position, std::string_view remedy) const {
  throw Error(Errc::signature_error, std::format("{} at byte {} of the signature; {}", what, position, remedy),
              {.position = position, .raw = std::string(text_)});
}

void NotationReader::fail_at_part(std::string_view message, std::size_t position) const {
  const auto cut = message.rfind("; ");
  if (cut == std::string_view::npos) fail(message, position, "change it");
  fail(message.substr(0, cut), position, message.substr(cut + 2));
}

void NotationReader::fail_other_arrow() const {
  if (text_.contains("->")) return;
  for (const std::string_view other : {"=>", "→", "⇒"}) {
    if (const auto found = text_.find(other); found != std::string_view::npos)
      fail(std::format("`{}` is not an arrow", other), found, "write `->` between inputs and outputs");
  }
}

void NotationReader::fail_unexpected() const {
  const auto found = token(position_);
  std::string_view remedy = "put a comma between fields";
  if (found == "=") {
    remedy = "write a default behind the whole type of a field or member, such as `a: list[int] = [1]`";
  } else if (found == "[") {
    remedy = "only list, set, tuple, dict, Literal, Optional, Union, Annotated and Code take brackets";
  } else if (found == "(") {
    remedy = "only `Field` takes arguments, as in `Annotated[int, Field(ge=0)]`; a type in parentheses stands alone";
  } else if (found == "{") {
    remedy = "only an object has members, as in `Person{name: str}`";
  } else if (found == "]") {
    remedy = "take it away, or add the `[` before it";
  } else if (found == "|") {
    remedy = "write a type before it, such as `name: str | None`";
  } else if (depth_ > 0) {
    remedy = "put a comma before it, or close the bracket";
  }
  fail(std::format("`{}` does not belong", found), position_, remedy);
}

void NotationReader::fail_no_type(std::string_view what, std::size_t start) const {
  fail(what, start, std::format("write {}", known_types));
}

void NotationReader::fail_unknown_type(std::string_view name, std::size_t start) const {
  std::vector<std::string> names = {
      "str",  "int",     "float", "bool",      "list",     "dict",      "Literal", "Optional",  "Union",    "None",
      "Any",  "set",     "tuple", "bytes",     "date",     "datetime",  "time",    "timedelta", "Image",    "Audio",
      "File", "History", "Code",  "Reasoning", "Document", "Citations", "Tool",    "ToolCalls", "Annotated"};
  for (const auto& open : open_) names.push_back(open.name);
  for (const auto& [defined, type] : defined_) names.push_back(defined);
  if (names_ != nullptr) {
    for (const auto& [given, type] : *names_) names.push_back(given);
  }
  const auto last = name.substr(name.find_last_of('.') + 1);
  std::string meant(meant_type(last));
  if (meant.empty()) meant = text::nearest(last, names).value_or("");
  const auto shown = name.substr(0, 40);
  fail(std::format("`{}` is not a type", shown), start,
       meant.empty() ? std::format("write {}", known_types) : std::format("did you mean `{}`?", meant));
}

}  // namespace dspy
