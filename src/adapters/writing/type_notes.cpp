#include "adapters/writing/type_notes.hpp"

#include "dspy/base/text.hpp"
#include "signature/types/type_rules.hpp"

#include <array>
#include <charconv>

namespace dspy {
namespace {

using Kind = Type::Kind;

template <class T>
void append_shortest(std::string& out, T number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  out.append(buffer.data(), end);
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

void append_number_phrase(std::string& out, std::string_view what, const Limits& all) {
  const auto limits = without_machine_bounds(all);
  out += what;
  if (limits.ge && limits.le) {
    append_number(out += " from ", limits.ge->value());
    append_number(out += " to ", limits.le->value());
  } else if (limits.ge) {
    append_number(out += ", at least ", limits.ge->value());
  } else if (limits.le) {
    append_number(out += ", at most ", limits.le->value());
  }
  if (limits.gt) append_number(out += ", above ", limits.gt->value());
  if (limits.lt) append_number(out += ", below ", limits.lt->value());
  if (limits.multiple_of) append_number(out += ", a multiple of ", limits.multiple_of->value());
}

void append_length(std::string& out, std::string_view bound, std::size_t length, std::string_view unit) {
  append_number(out += bound, length);
  out.append(" ").append(unit);
  if (length != 1) out += 's';
}

}  // namespace

void append_number(std::string& out, double number) {
  append_shortest(out, number);
}

void append_number(std::string& out, std::size_t number) {
  append_shortest(out, number);
}

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

void add_type_notes(Notes& notes, const Field& field) {
  const auto& type = field.type.required();
  switch (type.kind) {
    case Kind::integer: append_number_phrase(notes.next(), "a whole number", field.limits()); break;
    case Kind::number: append_number_phrase(notes.next(), "a number", field.limits()); break;
    case Kind::boolean: notes.next() += "true or false"; break;
    case Kind::literal: append_choices(notes.next(), type); break;
    case Kind::list: notes.next() += "a JSON list"; break;
    case Kind::dict: notes.next() += "a JSON object"; break;
    case Kind::tuple: notes.next() += "a JSON list"; break;
    case Kind::object:
      notes.next().append("JSON of the type ").append(to_notation(without_machine_bounds(type)));
      break;
    case Kind::union_: notes.next().append("one of ").append(annotation_name(type)); break;
    case Kind::any: notes.next() += "JSON"; break;
    case Kind::date: notes.next() += "a date as in 2026-11-21"; break;
    case Kind::datetime: notes.next() += "a time as in 2026-11-21T06:48:00Z"; break;
    case Kind::time: notes.next() += "a time of day as in 06:48:00"; break;
    case Kind::duration: notes.next() += "a duration as in PT1H30M"; break;
    case Kind::bytes: notes.next() += "base64"; break;
    default: break;
  }
  add_length_notes(notes, field);
}

void add_length_notes(Notes& notes, const Field& field) {
  const auto kind = field.type.required().kind;
  const std::string_view unit = kind == Kind::list || kind == Kind::dict ? "item" : "character";
  const auto& limits = field.limits();
  if (limits.min_length) append_length(notes.next(), "at least ", *limits.min_length, unit);
  if (limits.max_length) append_length(notes.next(), "at most ", *limits.max_length, unit);
}

}  // namespace dspy
