// `Annotated[int, Field(ge=0)]`: limits within the notation.

#include "dspy/base/error.hpp"
#include "notation.hpp"
#include "signature/fit/pattern_fault.hpp"
#include "signature/types/type_rules.hpp"

#include <charconv>
#include <cstdint>
#include <format>
#include <system_error>
#include <utility>

namespace dspy {

using namespace notation;

Type NotationReader::annotated(std::size_t bracket) {
  auto* const field = std::exchange(field_, nullptr);
  auto out = type();
  while (!take_close(bracket)) {
    skip_space();
    const auto start = position_;
    if (is_quote(here())) {  // Python programs put remarks there
      quoted();
      continue;
    }
    auto name = word();
    if (name == "pydantic" || name == "dspy") {
      take('.');
      name = word();
    }
    skip_space();
    if (!name.ends_with("Field") || here() != '(')
      fail(std::format("`{}` is not a `Field(...)`", token(start)), start,
           "write limits as `Annotated[int, Field(ge=0)]`");
    field_call(out, field);
  }
  return out;
}

void NotationReader::field_call(Type& type, Field* field) {
  must_check_ = true;
  const auto bracket = position_++;
  Limits limits;
  for (skip_space(); !take(')'); skip_space()) {
    const auto start = position_;
    const auto key = word();
    skip_space();
    if (at_end() || at_arrow()) fail("the `(` is not closed", bracket, "add a `)`");
    if (key.empty() || !take('=')) fail(std::format("`{}` is not an argument", token(start)), start, "write `ge=0`");
    skip_space();
    argument(key, start, type, limits, field);
    skip_space();
    if (!take(',') && here() != ')' && !at_end()) fail_unexpected();
  }
  if (const auto problem = add_limits(type, limits)) fail_at_part(*problem, bracket);
}

void NotationReader::argument(std::string_view key, std::size_t start, Type& type, Limits& limits, Field* field) {
  if (key == "gt") {
    limits.gt = number_for(key);
  } else if (key == "ge") {
    limits.ge = number_for(key);
  } else if (key == "lt") {
    limits.lt = number_for(key);
  } else if (key == "le") {
    limits.le = number_for(key);
  } else if (key == "multiple_of") {
    limits.multiple_of = number_for(key);
  } else if (key == "min_length") {
    limits.min_length = count_for(key);
  } else if (key == "max_length") {
    limits.max_length = count_for(key);
  } else if (key == "pattern") {
    const auto text = position_;
    const auto expression = text_for(key);
    auto pattern = attempt([&] { return Pattern(expression); });
    if (!pattern) {
      const auto fault = fault_of_pattern(expression).value();
      fail("the pattern " + fault.what, place_in_text(text, fault.position), fault.remedy);
    }
    limits.pattern = *std::move(pattern);
  } else if (key == "unique_items") {
    limits.unique_items = flag_for(key);
  } else if (key == "allow_inf_nan") {
    limits.allow_inf_nan = flag_for(key);
  } else if (key == "one_of") {
    const auto values = constant();
    if (!values.is_array() || values.get_array().empty())
      fail("`one_of` is not a list of values", start, "write `one_of=[0.5, 1.0]`");
    limits.one_of.assign(values.get_array().begin(), values.get_array().end());
  } else if (key == "title" || key == "labels") {
    if (type.kind != Type::Kind::literal)
      fail(std::format("`{}` stands at a type that is not a `Literal`", key), start, "take it away");
    if (key == "title") {
      type.name = text_for(key);
    } else {
      const auto labels = constant();
      const auto is_text = [](const Json& label) { return label.is_string(); };
      if (!labels.is_array() || !std::ranges::all_of(labels.get_array(), is_text))
        fail("`labels` is not a list of texts", start, "write one text for each choice");
      for (const auto& label : labels.get_array()) type.labels.emplace_back(view(label.get_string()));
    }
  } else if (key == "desc" || key == "description" || key == "label" || key == "default") {
    if (field == nullptr)
      fail(std::format("`{}` is inside a type", key), start, "it belongs to the type of a whole field");
    if (key == "default") {
      field->default_value = constant();
    } else {
      (key == "label" ? field->label : field->description) = text_for(key);
    }
  } else {
    fail(std::format("`Field` has no argument `{}`", key.substr(0, 40)), start,
         "it takes gt, ge, lt, le, multiple_of, min_length, max_length, pattern, one_of, unique_items, allow_inf_nan, "
         "title, labels, desc, label and default");
  }
}

Number NotationReader::number_for(std::string_view key) {
  const auto start = position_;
  const auto value = constant();
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) return value.get_double();
  fail(std::format("`{}` is not a number", key), start, std::format("write `{}=0`", key));
}

std::size_t NotationReader::count_for(std::string_view key) {
  const auto start = position_;
  const auto value = constant();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::size_t>(value.get_int64());
  fail(std::format("`{}` is not a count", key), start, std::format("write `{}=1`", key));
}

bool NotationReader::flag_for(std::string_view key) {
  const auto start = position_;
  const auto value = constant();
  if (value.is_bool()) return value.get_bool();
  fail(std::format("`{}` is neither `True` nor `False`", key), start, std::format("write `{}=True`", key));
}

std::string NotationReader::text_for(std::string_view key) {
  const auto start = position_;
  if (here() == 'r' && position_ + 1 < text_.size() && is_quote(text_[position_ + 1])) {
    ++position_;
    return raw_quoted();
  }
  if (is_quote(here())) return quoted();
  fail(std::format("`{}` is not text", key), start, std::format("put it into quotes: `{}='…'`", key));
}

std::size_t NotationReader::place_in_text(std::size_t start, std::size_t offset) {
  position_ = start;
  if (here() == 'r') return start + 2 + offset;
  ++position_;
  std::string read;
  while (read.size() < offset) {
    const char c = text_[position_++];
    if (c == '\\') {
      escape(read);
    } else {
      read += c;
    }
  }
  return position_;
}

Json NotationReader::constant() {
  skip_space();
  const auto start = position_;
  if (is_quote(here())) return Json(quoted());
  if (here() == '[' || here() == '(') return constants(here() == '[' ? ']' : ')');
  if (here() == '{') return constants('}');
  if (here() == '-' || here() == '+' || here() == '.' || is_digit(here())) return number();
  const auto name = word();
  if (name == "True") return true;
  if (name == "False") return false;
  if (name == "None") return nullptr;
  fail(std::format("`{}` is not a value", token(start)), start, "put text into quotes");
}

Json NotationReader::constants(char closer) {
  const auto bracket = position_++;
  if (depth_++ == 64) fail("a value is nested deeper than 64", bracket, "use a flatter one");
  JsonArray items;
  JsonObject members;
  for (skip_space(); !take(closer); skip_space()) {
    if (at_end())
      fail(std::format("the `{}` is not closed", text_[bracket]), bracket, std::format("add a `{}`", closer));
    auto value = constant();
    skip_space();
    if (closer == '}') {
      if (!value.is_string() || !take(':')) fail_unexpected();
      members[view(value.get_string())] = constant();
      skip_space();
    } else {
      items.push_back(std::move(value));
    }
    if (!take(',') && here() != closer && !at_end()) fail_unexpected();
  }
  --depth_;
  if (closer == '}') return members;
  return items;
}

Json NotationReader::number() {
  const auto start = position_;
  if (here() == '+') ++position_;
  const auto* const begin = text_.data() + position_;
  const auto* const end = text_.data() + text_.size();
  std::int64_t integer = 0;
  double real = 0;
  const auto whole = std::from_chars(begin, end, integer);
  const auto real_end = std::from_chars(begin, end, real);
  if (real_end.ec == std::errc::result_out_of_range)
    fail(std::format("the number `{}` is too large", token(start)), start, "write a smaller one");
  const bool is_float = real_end.ptr > whole.ptr;
  const auto* const stop = is_float ? real_end.ptr : whole.ptr;
  const auto next = position_ + static_cast<std::size_t>(stop - begin);
  if (real_end.ec != std::errc() || (next < text_.size() && (is_name_part(text_[next]) || text_[next] == '.')))
    fail(std::format("`{}` is not a number", token(start)), start, "write it in digits");
  position_ = next;
  if (is_float || whole.ec != std::errc()) return real;
  return integer;
}

}  // namespace dspy
