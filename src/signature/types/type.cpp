#include "dspy/signature/type.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/field.hpp"
#include "signature/fit/fit.hpp"
#include "signature/notation/notation.hpp"
#include "type_rules.hpp"

#include <algorithm>
#include <format>
#include <unordered_set>
#include <utility>

namespace dspy {
namespace {

Type with_arguments(Type::Kind kind, std::vector<Type> arguments) {
  return {.kind = kind, .arguments = std::move(arguments)};
}

Type limited(Type type, Limits limits) {
  if (limits != Limits{}) type.limits = std::move(limits);
  return type;
}

void add_alternative(std::vector<Type>& kept, bool& nullable, Type type) {
  if (type.kind == Type::Kind::null_) {
    nullable = true;
  } else if (type.kind == Type::Kind::optional) {
    nullable = true;
    add_alternative(kept, nullable, std::move(type.arguments[0]));
  } else if (type.kind == Type::Kind::union_) {
    for (auto& each : type.arguments) add_alternative(kept, nullable, std::move(each));
  } else if (!std::ranges::contains(kept, type)) {
    kept.push_back(std::move(type));
  }
}

}  // namespace

Type Type::string(Limits limits) {
  return limited({}, std::move(limits));
}

Type Type::integer(Limits limits) {
  return limited({.kind = Kind::integer}, std::move(limits));
}

Type Type::number(Limits limits) {
  return limited({.kind = Kind::number}, std::move(limits));
}

Type Type::literal(std::vector<Json> choices) {
  constexpr std::size_t few = 32;  // up to here looking at each one is faster than hashing
  std::unordered_set<Json> seen;
  std::vector<Json> kept;
  kept.reserve(choices.size());
  for (auto& choice : choices) {
    if (choice.is_uint64()) make_integer(choice);
    if (!choice.is_string() && !choice.is_int64() && !choice.is_bool()) {
      throw Error(Errc::signature_error,
                  std::format("the choice `{}` of a literal is {}; use strings, 64-bit integers or booleans",
                              shown(choice), kind_of(choice)));
    }
    const bool repeated = choices.size() <= few ? std::ranges::contains(kept, choice) : !seen.insert(choice).second;
    if (!repeated) kept.push_back(std::move(choice));
  }
  if (kept.empty()) throw Error(Errc::signature_error, "a literal has no choices; name at least one");
  return {.kind = Kind::literal, .choices = std::move(kept)};
}

Type Type::enumeration(std::string name, std::vector<Json> choices, std::vector<std::string> labels) {
  const auto count = choices.size();
  auto type = literal(std::move(choices));
  if (type.choices.size() != count) {
    throw Error(Errc::signature_error,
                std::format("the enumeration `{}` has a value twice; give each choice a value of its own", name));
  }
  if (!labels.empty() && labels.size() != count) {
    throw Error(Errc::signature_error, std::format("the enumeration `{}` has {} labels for {} choices; give one label "
                                                   "for each choice, or none",
                                                   name, labels.size(), count));
  }
  type.name = std::move(name);
  type.labels = std::move(labels);
  return type;
}

Type Type::list(Type item, Limits limits) {
  std::vector<Type> arguments;
  arguments.push_back(std::move(item));
  return limited(with_arguments(Kind::list, std::move(arguments)), std::move(limits));
}

Type Type::tuple(std::vector<Type> items) {
  return with_arguments(Kind::tuple, std::move(items));
}

Type Type::dict(Type key, Type value, Limits limits) {
  if (!can_be_key(key)) {
    throw Error(
        Errc::signature_error,
        std::format("`{}` cannot be the type of a dict's keys; use `str`, `int` or a `Literal`", annotation_name(key)));
  }
  std::vector<Type> arguments;
  arguments.reserve(2);
  arguments.push_back(std::move(key));
  arguments.push_back(std::move(value));
  return limited(with_arguments(Kind::dict, std::move(arguments)), std::move(limits));
}

Type Type::optional(Type inner) {
  if (inner.kind == Kind::optional || inner.kind == Kind::null_) return inner;
  std::vector<Type> arguments;
  arguments.push_back(std::move(inner));
  return with_arguments(Kind::optional, std::move(arguments));
}

Type Type::union_of(std::vector<Type> alternatives) {
  std::vector<Type> kept;
  kept.reserve(alternatives.size());
  bool nullable = false;
  for (auto& each : alternatives) add_alternative(kept, nullable, std::move(each));
  if (kept.empty()) {
    if (nullable) return {.kind = Kind::null_};
    throw Error(Errc::signature_error, "a union has no types; name at least one");
  }
  auto type = kept.size() == 1 ? std::move(kept[0]) : with_arguments(Kind::union_, std::move(kept));
  return nullable ? optional(std::move(type)) : type;
}

Type Type::object(std::string name, std::vector<Field> members) {
  Type type{.kind = Kind::object, .name = std::move(name)};
  type.members = std::move(members);
  return type;
}

Type Type::parse(std::string_view notation) {
  return parse(notation, {});
}

Type Type::parse(std::string_view notation, const NamedTypes& names) {
  NotationReader reader(notation, &names);
  return reader.only_type();
}

bool Type::operator==(const Type& other) const {
  return kind == other.kind && name == other.name && choices == other.choices && labels == other.labels &&
         limits == other.limits && arguments == other.arguments && members == other.members;
}

}  // namespace dspy
