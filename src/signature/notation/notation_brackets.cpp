// Types with arguments in brackets: `list[T]`, `dict[K, V]`, `Union[A, B]`.

#include "notation.hpp"
#include "signature/types/type_rules.hpp"

#include <format>
#include <utility>

namespace dspy {

using namespace notation;

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

}  // namespace dspy
