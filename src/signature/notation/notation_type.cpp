// Types within the notation.

#include "notation.hpp"
#include "signature/types/type_rules.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {

using namespace notation;

namespace {

using Named = std::pair<std::string_view, Type::Kind>;

/// The types that are a single word.
constexpr auto words = std::to_array<Named>({
    {"str", Type::Kind::string},
    {"int", Type::Kind::integer},
    {"float", Type::Kind::number},
    {"bool", Type::Kind::boolean},
    {"None", Type::Kind::null_},
    {"NoneType", Type::Kind::null_},
    {"Any", Type::Kind::any},
    {"bytes", Type::Kind::bytes},
    {"bytearray", Type::Kind::bytes},
    {"date", Type::Kind::date},
    {"datetime", Type::Kind::datetime},
    {"time", Type::Kind::time},
    {"timedelta", Type::Kind::duration},
    {"Image", Type::Kind::image},
    {"Audio", Type::Kind::audio},
    {"File", Type::Kind::file},
    {"History", Type::Kind::history},
    {"Code", Type::Kind::code},
    {"Reasoning", Type::Kind::reasoning},
    {"Document", Type::Kind::document},
    {"Citations", Type::Kind::citations},
    {"Tool", Type::Kind::tool},
    {"ToolCalls", Type::Kind::tool_calls},
});

/// A name without the module that it comes from in Python.
std::string_view without_module(std::string_view name) {
  constexpr auto modules = std::to_array<std::string_view>(
      {"typing.", "typing_extensions.", "builtins.", "collections.abc.", "datetime.", "pydantic.", "dspy."});
  for (const auto module : modules) {
    if (name.starts_with(module)) return name.substr(module.size());
  }
  return name;
}

bool is_field_call(std::string_view name) {
  return name == "Field" || name == "InputField" || name == "OutputField";
}

}  // namespace

void NotationReader::rest_of(Field& field) {
  const bool is_outermost = open_.empty();
  if (is_outermost) must_check_ = false;
  skip_space();
  auto start = position_;
  if (take(':')) {
    skip_space();
    start = position_;
    field_ = &field;
    field.type = type();
    field_ = nullptr;
  }
  skip_space();
  if (here() == '=') default_of(field);
  if (!is_outermost || !must_check_) return;
  if (const auto problem = problem_of(field)) fail_type(*problem, start);
}

void NotationReader::default_of(Field& field) {
  const auto start = position_;
  if (text_.substr(position_).starts_with("=>") || !take('=')) return;
  if (field.default_value) fail(std::format("the default of `{}` is given twice", field.name), start, "give it once");
  skip_space();
  if (at_end() || at_arrow() || here() == ',' || here() == '}')
    fail("a default is missing after the `=`", start, "write a value there, such as `a: int = 3`");
  field.default_value = constant();
  must_check_ = true;
}

Type NotationReader::only_type() {
  auto out = type();
  end();
  if (!must_check_) return out;
  if (const auto problem = problem_of(out)) fail_type(*problem, 0);
  return out;
}

Type NotationReader::type() {
  auto* const field = std::exchange(field_, nullptr);
  skip_space();
  if (depth_++ == deepest)
    fail(std::format("types are nested deeper than {}", deepest), position_, "use a flatter type");
  field_ = field;
  auto first = term();
  skip_space();
  if (here() == '|') {
    std::vector<Type> all;
    all.push_back(std::move(first));
    while (take('|')) {
      field_ = field;
      all.push_back(term());
      skip_space();
    }
    first = Type::union_of(std::move(all));
  }
  --depth_;
  field_ = nullptr;
  return first;
}

Type NotationReader::term() {
  skip_space();
  const auto start = position_;
  if (here() == '{') return object({});
  if (here() == '(') return parenthesized();
  auto name = word();
  while (!name.empty() && take('.')) {
    word();
    name = text_.substr(start, position_ - start);
  }
  if (!name.empty() && !is_digit(name[0])) return named_type(name, start);

  if (is_quote(here()))
    fail("a quoted text is not a type", start, "put choices into a `Literal`: `Literal['yes', 'no']`");
  const bool missing =
      name.empty() && (here() == ',' || here() == ']' || here() == '}' || here() == '|' || at_end() || at_arrow());
  fail_no_type(missing ? "a type is missing" : std::format("`{}` is not a type", token(start)), start);
}

Type NotationReader::parenthesized() {
  const auto bracket = position_++;
  skip_space();
  if (here() == ')') fail("the parentheses are empty", bracket, "write a type there, or take them away");
  auto out = type();
  skip_space();
  if (at_end() || at_arrow()) fail("the `(` is not closed", bracket, "add a `)`");
  if (!take(')')) fail_unexpected();
  return out;
}

Type NotationReader::named_type(std::string_view name, std::size_t start) {
  if (auto type = defined_type(name)) return *std::move(type);
  const auto full_name = name;
  name = without_module(name);
  skip_space();
  if (here() == '{' && full_name == name) return object(name);
  if (here() == '(' && is_field_call(name)) {
    if (field_ == nullptr)
      fail(std::format("`{}(...)` stands where a type must", name), start, "write `Annotated[int, Field(ge=0)]`");
    Type text = Type::string();
    field_call(text, field_);
    return text;
  }
  if (here() == '[') {
    if (auto type = bracketed_type(name, start)) return *std::move(type);
  }
  if (auto type = plain_type(name)) return *std::move(type);
  if (is_any_of(name, {"Literal", "Optional", "Union", "Annotated"})) open(name, start);  // which throws
  fail_unknown_type(full_name, start);
}

std::optional<Type> NotationReader::plain_type(std::string_view name) const {
  for (const auto& [word, kind] : words) {
    if (word == name) return Type{.kind = kind};
  }
  if (is_any_of(name, {"list", "List", "tuple", "Tuple", "Sequence", "Iterable"})) return Type::list(Type::any());
  if (is_any_of(name, {"set", "Set", "frozenset", "FrozenSet"})) return Type::set(Type::any());
  if (is_any_of(name, {"dict", "Dict", "Mapping"})) return Type::dict(Type::string(), Type::any());
  return std::nullopt;
}

/// A type that the text or the table of names gave this name to.
std::optional<Type> NotationReader::defined_type(std::string_view name) {
  for (auto i = open_.size(); i-- > 0;) {
    if (open_[i].name != name || name.empty()) continue;
    if (next_is('{')) return std::nullopt;  // an object of the same name, around which the old one is
    open_.back().outermost = std::min(open_.back().outermost, i);
    return Type::reference(std::string(name));
  }
  if (const auto found = defined_.find(name); found != defined_.end() && !next_is('{')) return found->second;
  if (names_ == nullptr) return std::nullopt;
  const auto found = names_->find(name);
  if (found == names_->end() || next_is('{')) return std::nullopt;
  must_check_ = true;
  auto type = found->second;
  const bool is_named = type.kind == Type::Kind::object || type.kind == Type::Kind::literal;
  if (is_named && type.name.empty()) type.name = name;
  return type;
}

void NotationReader::fail_type(std::string_view problem, std::size_t start) const {
  fail_at_part(std::format("the type {}", problem), start);
}

}  // namespace dspy
