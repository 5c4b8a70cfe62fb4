#include "adapters/coercion/scalars.hpp"

#include "adapters/coercion/excerpt.hpp"
#include "adapters/coercion/numbers.hpp"
#include "adapters/coercion/slips.hpp"
#include "base/unicode/letters.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

void note(const WrittenNumber& number, Repairs& repairs) {
  if (number.grouped) repairs.take("thousands_separator");
  if (number.unusual_minus) repairs.take("minus_sign");
  if (number.leading_zeros) repairs.take("leading_zeros");
}

Coerced read_integer(std::string_view text, Repairs& repairs) {
  const auto number = read_number(text);
  if (!number) {
    if (const auto prefixed = read_prefixed_integer(text)) {
      repairs.take("number_base");
      return *prefixed;
    }
    const auto word = read_number_word(text);
    if (!word) return refuse(text, "is not a whole number");
    repairs.take("number_word");
    return *word;
  }
  if (!number->integer) {
    return refuse(text, number->plain_integer ? "does not fit into 64 bits" : "is not a whole number");
  }
  note(*number, repairs);
  if (!number->plain_integer) repairs.take("whole_float");
  return *number->integer;
}

/// `NaN`, `inf`, `-Infinity`.
std::optional<double> read_not_finite(std::string_view text) {
  if (text::equals_ignoring_case(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!text::equals_ignoring_case(text, "inf") && !text::equals_ignoring_case(text, "infinity")) return std::nullopt;
  return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

Coerced read_float(const Type& type, std::string_view text, Repairs& repairs) {
  const auto number = read_number(text);
  if (!number) {
    if (const auto special = type.limits->allow_inf_nan ? read_not_finite(text) : std::nullopt) return *special;
    const auto word = read_number_word(text);
    if (!word) return refuse(text, "is not a number");
    repairs.take("number_word");
    return static_cast<double>(*word);
  }
  if (number->beyond_float) return refuse(text, "is beyond what a float holds");
  note(*number, repairs);
  return number->value;
}

Coerced read_boolean(std::string_view text, Repairs& repairs) {
  if (text::equals_ignoring_case(text, "true")) return true;
  if (text::equals_ignoring_case(text, "false")) return false;
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return text::equals_ignoring_case(text, word); });
  };
  const bool yes = is_one_of({"yes", "y", "on", "t", "1", "1.0"});
  const bool no = is_one_of({"no", "n", "off", "f", "0", "0.0"});
  if (!yes && !no) return refuse(text, "is neither true nor false");
  repairs.take("bool_word");
  return yes;
}

constexpr bool is_separator(char c) noexcept {
  return c == ' ' || c == '_' || c == '-';
}
using text::is_digit;
/// Of a word, in any script.
constexpr bool is_of_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

/// The separators that `text` begins with; takes them off.
std::string_view take_separators(std::string_view& text) noexcept {
  const auto size = static_cast<std::size_t>(std::ranges::find_if_not(text, is_separator) - text.begin());
  const auto taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

/// True if separators there may be others or none: between words, or a word and a number, where they do not act as a
/// sign.
bool joins_words(std::string_view before, std::string_view after) noexcept {
  if (before.empty() || after.empty() || !is_of_word(before.back())) return false;
  return is_of_word(after[0]) || (before.size() > 1 && is_of_word(before[before.size() - 2]) && is_digit(after[0]));
}

/// True if the text ends with a word that means something else with the next one than apart from it: `re-sign` and
/// `resign`, `not able` and `notable`.
bool ends_with_changing_word(std::string_view text) noexcept {
  auto begin = text.size();
  while (begin > 0 && is_of_word(text[begin - 1])) --begin;
  const auto word = text.substr(begin);
  constexpr std::array<std::string_view, 6> words = {"a", "an", "the", "no", "not", "re"};
  return std::ranges::any_of(words, [&](std::string_view each) { return text::equals_ignoring_case(each, word); });
}

/// `InProgress`: a capital letter begins a word.
bool is_camel_case(std::string_view before, std::string_view after) noexcept {
  return before.back() >= 'a' && before.back() <= 'z' && after[0] >= 'A' && after[0] <= 'Z';
}

/// Equality but for case and for blanks, `_` and `-` between words.
bool same_words(std::string_view a, std::string_view b) {
  const auto whole = a;
  const auto other = b;
  while (true) {
    const auto before = whole.substr(0, whole.size() - a.size());
    const auto before_b = other.substr(0, other.size() - b.size());
    const auto between_a = take_separators(a);
    const auto between_b = take_separators(b);
    if (between_a != between_b) {
      if (!joins_words(before, a) || b.empty()) return false;
      const bool is_joined = between_a.empty() || between_b.empty();
      const bool is_camel = between_a.empty() ? is_camel_case(before, a) : is_camel_case(before_b, b);
      if (is_joined && !is_camel && ends_with_changing_word(before)) return false;
    }
    if (a.empty() || b.empty()) return a.empty() && b.empty();
    if (!text::equals_ignoring_case(a.substr(0, 1), b.substr(0, 1))) return false;
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
}

/// `name`, with the kind of equality that a choice is looked for with.
struct Likeness {
  bool (*holds)(std::string_view, std::string_view);
  std::string_view repair;
};

constexpr std::array likenesses = {
    Likeness{[](std::string_view a, std::string_view b) noexcept { return a == b; }, ""},
    Likeness{text::equals_ignoring_case, "letter_case"},
    Likeness{same_words, "choice_spelling"},
    Likeness{is_slip_of, "choice_slip"},
};

/// The choice that is called so.
const Json* choice_labelled(const Type& type, std::string_view text, const std::vector<std::string>& names) {
  const auto label = std::ranges::find(type.labels, text);
  if (label == type.labels.end()) return nullptr;
  const auto at = static_cast<std::size_t>(label - type.labels.begin());
  // In other case, it might be the value of another one.
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != at && text::equals_ignoring_case(names[i], text)) return nullptr;
  }
  return at < type.choices.size() ? &type.choices[at] : nullptr;
}

/// A number or a boolean among the choices, written as the numbers and booleans of a field are.
std::optional<Json> read_plain_choice(const Type& type, std::string_view text, Repairs& repairs) {
  const auto all_are = [&](auto is_kind) { return std::ranges::all_of(type.choices, is_kind); };
  const auto mark = repairs.mark();
  if (all_are([](const Json& choice) { return choice.is_bool(); })) {
    auto value = read_boolean(text, repairs);
    if (value && std::ranges::contains(type.choices, *value)) return *std::move(value);
  } else if (const auto number = read_number(text); number && number->integer && !number->grouped) {
    Json integer(*number->integer);
    if (std::ranges::contains(type.choices, integer)) {
      note(*number, repairs);
      if (!number->plain_integer) repairs.take("whole_float");
      return integer;
    }
  }
  repairs.forget(mark);
  return std::nullopt;
}

/// `True` or `False`, as Python writes a choice that is a boolean.
bool is_python_boolean(const Json& choice, std::string_view text) noexcept {
  return choice.is_bool() && text == (choice.get_bool() ? "True" : "False");
}

Coerced read_literal(const Type& type, std::string_view text, Repairs& repairs) {
  std::vector<std::string> names;
  names.reserve(type.choices.size());
  for (const auto& choice : type.choices) {
    names.push_back(choice.is_string() ? std::string(view(choice.get_string())) : to_text(choice));
  }
  for (const auto& [holds, repair] : likenesses) {
    const Json* found = nullptr;
    bool unique = true;
    for (std::size_t i = 0; i < names.size(); ++i) {
      // Most texts are trimmed.
      const bool is_same = repair.empty() && (names[i] == text || is_python_boolean(type.choices[i], text));
      if (!is_same && !holds(text::trim(names[i]), text)) continue;
      // `1` and `'1'` are two choices with one name; it is text that was written.
      const bool is_exact = is_same && type.choices[i].is_string();
      if (is_exact) {
        found = &type.choices[i];
        unique = true;
        break;
      }
      unique = found == nullptr;
      if (found == nullptr) found = &type.choices[i];
    }
    if (found == nullptr) {
      if (!repair.empty()) continue;
      if (const auto* const labelled = choice_labelled(type, text, names)) {
        repairs.take("choice_label");
        return *labelled;
      }
      if (auto plain = read_plain_choice(type, text, repairs)) return *std::move(plain);
      continue;
    }
    if (!unique) break;
    if (!repair.empty()) repairs.take(repair);
    return *found;
  }
  return refuse(text, std::format("is not one of: {}", excerpt(text::enumerate(names), 200)));
}

Coerced read_as_is(const Type& type, std::string_view text, Repairs& repairs) {
  switch (type.kind) {
    case Kind::integer: return read_integer(text, repairs);
    case Kind::number: return read_float(type, text, repairs);
    case Kind::boolean: return read_boolean(text, repairs);
    default: return read_literal(type, text, repairs);
  }
}

}  // namespace

std::string_view peel(std::string_view text) noexcept {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> pairs = {{
      {"\"", "\""},
      {"'", "'"},
      {"`", "`"},
      {"*", "*"},
      {"_", "_"},
      {"\xE2\x80\x9C", "\xE2\x80\x9D"},  // “ ”
  }};
  // Blanks that cannot be seen, or do not break a line.
  constexpr std::array<std::string_view, 5> wide_blanks = {"\xC2\xA0", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xE2\x80\xAF",
                                                           "\xE2\x80\x8E"};
  const auto is_wide = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  for (std::size_t before = text.size() + 1; text.size() < before;) {
    before = text.size();
    text = text::trim(text);
    if (!text.empty() && (is_wide(text.front()) || is_wide(text.back()))) {
      for (const auto blank : wide_blanks) {
        if (text.starts_with(blank)) text.remove_prefix(blank.size());
        if (text.ends_with(blank)) text.remove_suffix(blank.size());
      }
    }
    for (const auto& [open, close] : pairs) {
      if (text.size() > open.size() + close.size() && text.starts_with(open) && text.ends_with(close)) {
        text.remove_prefix(open.size());
        text.remove_suffix(close.size());
      }
    }
    if (text.size() > 1 && std::string_view(".,;!").contains(text.back())) text.remove_suffix(1);
  }
  return text;
}

Coerced coerce_scalar(const Type& type, std::string_view text, Repairs& repairs) {
  auto value = read_as_is(type, text, repairs);
  if (value) return value;
  const auto inside = peel(text);
  if (inside == text) return value;
  auto peeled = read_as_is(type, inside, repairs);
  if (!peeled) return value;
  repairs.take("decorated_value");
  return peeled;
}

}  // namespace dspy
