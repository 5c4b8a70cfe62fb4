// Types within the notation.

#include "dspy/base/text.hpp"
#include "notation.hpp"
#include "type_rules.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace dspy {

using namespace notation;

namespace {

constexpr int deepest = 64;
constexpr std::size_t most_members = 1000;

using Named = std::pair<std::string_view, Type::Kind>;

/// The types that are a single word.
constexpr auto words = std::to_array<Named>({
    {"str", Type::Kind::string},        {"int", Type::Kind::integer},
    {"float", Type::Kind::number},      {"bool", Type::Kind::boolean},
    {"None", Type::Kind::null_},        {"NoneType", Type::Kind::null_},
    {"Any", Type::Kind::any},           {"bytes", Type::Kind::bytes},
    {"bytearray", Type::Kind::bytes},   {"date", Type::Kind::date},
    {"datetime", Type::Kind::datetime}, {"timedelta", Type::Kind::duration},
    {"Image", Type::Kind::image},       {"Audio", Type::Kind::audio},
    {"File", Type::Kind::file},         {"History", Type::Kind::history},
    {"Code", Type::Kind::code},         {"Reasoning", Type::Kind::reasoning},
    {"Document", Type::Kind::document}, {"Citations", Type::Kind::citations},
    {"Tool", Type::Kind::tool},         {"ToolCalls", Type::Kind::tool_calls},
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

bool is_any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::contains(names, name);
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

  if (is_quote(here())) fail("a quoted text is no type", start, "put choices into a `Literal`: `Literal['yes', 'no']`");
  const bool missing =
      name.empty() && (here() == ',' || here() == ']' || here() == '}' || here() == '|' || at_end() || at_arrow());
  fail_no_type(missing ? "a type is missing" : std::format("`{}` is no type", token(start)), start);
}

Type NotationReader::parenthesized() {
  const auto bracket = position_++;
  skip_space();
  if (here() == ')') fail("nothing stands in the parentheses", bracket, "write a type there, or take them away");
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

std::optional<Type> NotationReader::bracketed_type(std::string_view name, std::size_t start) {
  auto* const field = std::exchange(field_, nullptr);
  const bool is_set = is_any_of(name, {"set", "Set", "frozenset", "FrozenSet"});
  if (is_set || is_any_of(name, {"list", "List", "Sequence", "Iterable", "Optional"})) {
    const auto bracket = open(name, start);
    auto inner = type();
    close(bracket);
    if (name == "Optional") return Type::optional(std::move(inner));
    return is_set ? Type::set(std::move(inner)) : Type::list(std::move(inner));
  }
  if (is_any_of(name, {"dict", "Dict", "Mapping"})) return dict(open(name, start));
  if (is_any_of(name, {"tuple", "Tuple"})) return tuple(open(name, start));
  if (name == "Literal") return literal(open(name, start));
  if (name == "Union") return union_of(open(name, start));
  if (name == "Code") return code(open(name, start));
  field_ = field;
  if (name == "Annotated") return annotated(open(name, start));
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

Type NotationReader::union_of(std::size_t bracket) {
  std::vector<Type> all;
  do all.push_back(type());
  while (!take_close(bracket));
  return Type::union_of(std::move(all));
}

Type NotationReader::dict(std::size_t bracket) {
  skip_space();
  const auto start = position_;
  auto key = type();
  if (!can_be_key(key)) {
    fail(std::format("`{}` cannot be the type of a dict's keys", annotation_name(key)), start,
         "use `str`, `int` or a `Literal`");
  }
  if (take_close(bracket)) fail("the type of the dict's values is missing", position_ - 1, "write `dict[K, V]`");
  auto value = type();
  close(bracket);
  return Type::dict(std::move(key), std::move(value));
}

Type NotationReader::tuple(std::size_t bracket) {
  skip_space();
  if (text_.substr(position_).starts_with("()")) {
    position_ += 2;
    close(bracket);
    return Type::tuple({});
  }
  std::vector<Type> items;
  do {
    skip_space();
    if (items.size() == 1 && text_.substr(position_).starts_with("...")) {
      position_ += 3;
      close(bracket);
      return Type::list(std::move(items[0]));
    }
    items.push_back(type());
  } while (!take_close(bracket));
  return Type::tuple(std::move(items));
}

Type NotationReader::code(std::size_t bracket) {
  skip_space();
  const auto start = position_;
  if (!is_quote(here())) fail("the language of the code is missing", start, "write it in quotes: `Code['python']`");
  auto language = quoted();
  if (language.empty()) fail("the language of the code is empty", start, "name it, such as `Code['python']`");
  close(bracket);
  return Type::code(std::move(language));
}

Type NotationReader::object(std::string_view name) {
  const auto brace = position_++;
  auto* const field = std::exchange(field_, nullptr);
  must_check_ = true;
  if (depth_++ == deepest) fail(std::format("types are nested deeper than {}", deepest), brace, "use a flatter type");
  open_.push_back({std::string(name), open_.size()});
  auto out = Type::object(std::string(name), {});
  auto& members = out.members.edit();
  for (skip_space(); !take('}'); skip_space()) {
    if (at_end() || at_arrow()) fail("the `{` is not closed", brace, "add a `}`");
    if (!out.arguments.empty()) fail("`**` stands before another member", position_, "write it last");
    if (text_.substr(position_).starts_with("**")) {
      position_ += 2;
      skip_space();
      if (!take(':')) fail("the type of all other members is missing", position_, "write `**: Any`");
      out.arguments.push_back(type());
    } else {
      member(members, brace);
    }
    skip_space();
    if (!take(',') && here() != '}' && !at_end() && !at_arrow()) fail_unexpected();
  }
  const auto open = std::move(open_.back());
  open_.pop_back();
  --depth_;
  field_ = field;
  const bool is_closed = open.outermost >= open_.size();
  if (!is_closed && !open_.empty()) open_.back().outermost = std::min(open_.back().outermost, open.outermost);
  if (is_closed && !name.empty()) defined_.insert_or_assign(std::string(name), out);
  return out;
}

void NotationReader::member(std::vector<Field>& members, std::size_t brace) {
  const auto start = position_;
  const auto name = is_quote(here()) ? quoted() : std::string(word());
  if (name.empty())
    fail(std::format("`{}` is no name of a member", token(start)), start, "use letters, or put it into quotes");
  if (std::ranges::contains(members, name, &Field::name))
    fail(std::format("the member `{}` is there already", token(start)), start, "give each member a name of its own");
  if (members.size() == most_members)
    fail(std::format("an object has more than {} members", most_members), brace, "use a dict, or nest objects");
  auto& field = members.emplace_back(name);
  field.label = text::to_words(name);
  if (field.label.empty()) field.label = name;
  rest_of(field);
}

void NotationReader::fail_type(std::string_view problem, std::size_t start) const {
  fail_at_part(std::format("the type {}", problem), start);
}

}  // namespace dspy
