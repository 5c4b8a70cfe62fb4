// What can be wrong with a type: parts that are missing, limits that contradict each other,
// recursion that never ends.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"
#include "signature/notation/notation.hpp"
#include "type_rules.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <format>

namespace dspy {
namespace {

using Problem = std::optional<std::string>;

constexpr int deepest = 256;
constexpr int most_parts = 100'000;  // a type may hold one object in many places; each is looked at

struct Enclosing {
  const Type& object;
  const Enclosing* outer;
};

Problem number_problem(std::string_view rule, const std::optional<Number>& limit) {
  if (!limit || std::isfinite(limit->value())) return std::nullopt;
  return std::format("has the limit `{}={}`, which is not a finite number; leave it out", rule, to_text(*limit));
}

std::string pair_text(std::string_view low, const Number& a, std::string_view high, const Number& b) {
  return std::format("{}={} and {}={}", low, to_text(a), high, to_text(b));
}

/// The lowest 64-bit integer that is not below `bound`, or that is above it; nothing if all are lower.
std::optional<std::int64_t> lowest_integer(const Number& bound, bool above) {
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (!bound.is_integer && bound.real >= limit) return std::nullopt;
  const auto least = bound.is_integer      ? bound.integer
                     : bound.real < -limit ? INT64_MIN
                                           : static_cast<std::int64_t>(std::ceil(bound.real));
  if (!above || compare(least, bound) > 0) return least;
  return least == INT64_MAX ? std::nullopt : std::optional(least + 1);
}

bool is_above(std::int64_t value, const Limits& limits) {
  return (limits.le && compare(value, *limits.le) > 0) || (limits.lt && !(compare(value, *limits.lt) < 0));
}

/// The next multiple of `unit` at or above `value`; nothing if it is beyond 64 bits.
std::optional<std::int64_t> next_multiple(std::int64_t value, std::int64_t unit) {
  const auto rest = value % unit;
  if (rest == 0) return value;
  const auto step = rest > 0 ? unit - rest : -rest;
  if (value > INT64_MAX - step) return std::nullopt;
  return value + step;
}

Problem range_problem(const Type& type, const Limits& limits) {
  for (const auto& problem :
       {number_problem("gt", limits.gt), number_problem("ge", limits.ge), number_problem("lt", limits.lt),
        number_problem("le", limits.le), number_problem("multiple_of", limits.multiple_of)}) {
    if (problem) return problem;
  }
  if (limits.multiple_of && !(limits.multiple_of->value() > 0))
    return std::format("has the limit `multiple_of={}`; give a number above 0", to_text(*limits.multiple_of));

  const auto contradiction = [&](std::string_view low, const std::optional<Number>& a, std::string_view high,
                                 const std::optional<Number>& b, bool may_be_equal) -> Problem {
    if (!a || !b) return std::nullopt;
    const auto order = compare(*a, *b);
    if (order < 0 || (order == 0 && may_be_equal)) return std::nullopt;
    return std::format("has limits that no value can meet, {}; change one of them", pair_text(low, *a, high, *b));
  };
  for (const auto& problem :
       {contradiction("ge", limits.ge, "le", limits.le, true), contradiction("ge", limits.ge, "lt", limits.lt, false),
        contradiction("gt", limits.gt, "le", limits.le, false),
        contradiction("gt", limits.gt, "lt", limits.lt, false)}) {
    if (problem) return problem;
  }
  if (type.kind != Type::Kind::integer) return std::nullopt;
  auto lowest = std::optional<std::int64_t>(INT64_MIN);
  if (limits.ge) lowest = lowest_integer(*limits.ge, false);
  if (limits.gt && lowest) {
    const auto other = lowest_integer(*limits.gt, true);
    lowest = other ? std::optional(std::max(*lowest, *other)) : std::nullopt;
  }
  const auto& unit = limits.multiple_of;
  if (lowest && unit && unit->is_integer) lowest = next_multiple(*lowest, unit->integer);
  if (lowest && !is_above(*lowest, limits)) return std::nullopt;
  return unit && unit->is_integer
             ? std::format("has limits that contain no multiple of {}; change one of them", to_text(*unit))
             : "has limits that contain no 64-bit integer; change one of them";
}

/// How many values a type has, if it has few.
std::optional<std::size_t> count_values(const Type& type) {
  if (type.kind == Type::Kind::boolean) return 2;
  if (type.kind == Type::Kind::null_) return 1;
  if (type.kind == Type::Kind::literal) return type.choices.size();
  return std::nullopt;
}

Problem limits_problem(const Type& type) {
  const auto& limits = *type.limits;
  for (const auto rule : rules_of(limits)) {
    if (!suits(type.kind, rule))
      return std::format("has the limit `{}`, but is a `{}`; {}", rule, annotation_name(type), suited_by(rule));
  }
  if (auto problem = range_problem(type, limits)) return problem;
  if (limits.min_length && limits.max_length && *limits.min_length > *limits.max_length)
    return std::format("has limits that no value can meet, min_length={} and max_length={}; change one of them",
                       *limits.min_length, *limits.max_length);
  if (limits.unique_items && limits.min_length) {
    const auto values = count_values(type.arguments[0]);
    if (values && *values < *limits.min_length)
      return std::format("wants {} different items, and `{}` has {} values; lower min_length", *limits.min_length,
                         annotation_name(type.arguments[0]), *values);
  }
  auto plain = type;
  plain.limits.edit().one_of.clear();
  for (auto choice : limits.one_of) {
    Violations violations;
    if (!fit_in_place(plain, choice, violations))
      return std::format("has a value in `one_of` that breaks its own limits: {}",
                         to_sentence(violations, std::format("`{}`", shown(choice))));
  }
  return std::nullopt;
}

class Checker {
 public:
  Problem type(const Type& type, const Enclosing* enclosing) {
    if (depth_ == deepest) return std::format("has types nested deeper than {}; use a flatter type", deepest);
    if (++parts_ > most_parts) return std::format("has more than {} parts; use fewer or smaller objects", most_parts);
    ++depth_;
    auto problem = parts(type, enclosing);
    --depth_;
    if (!problem && type.limits.is_set()) problem = limits_problem(type);
    return problem;
  }

  Problem field(const Field& field, const Enclosing* enclosing) {
    if (field.label.empty()) return "has no label; build fields with `make_field`, which derives it from the name";
    if (field.label.find_first_of("\r\n") != std::string::npos) return "has a label of several lines; make it one line";
    if (text::invalid_utf8(field.label) || text::invalid_utf8(field.description))
      return "has a label or description that is not UTF-8; save the text as UTF-8";
    if (auto problem = type(field.type, enclosing)) return problem;
    for (const auto& validator : field.validators) {
      if (validator.name.empty() || !validator.check)
        return "has a validator without a name or a function; give it both";
    }
    return std::nullopt;
  }

 private:
  static bool is_whole(const Type& type) {
    using enum Type::Kind;
    const auto count = type.arguments.size();
    const bool arguments = type.kind == dict                            ? count == 2
                           : type.kind == list || type.kind == optional ? count == 1
                           : type.kind == union_                        ? count >= 2
                           : type.kind == object                        ? count <= 1
                           : type.kind == tuple                         ? true
                                                                        : count == 0;
    return arguments && type.choices.empty() == (type.kind != literal) &&
           (type.kind == object || type.members->empty()) &&
           (type.labels.empty() || type.labels.size() == type.choices.size()) &&
           (type.kind != reference || !type.name.empty()) && (type.kind != dict || can_be_key(type.arguments[0]));
  }

  Problem parts(const Type& type, const Enclosing* enclosing) {
    if (!is_whole(type)) return "has an incomplete type; build types with `Type::list` and its siblings";
    const bool is_named = type.kind == Type::Kind::object || type.kind == Type::Kind::literal;
    if (is_named && !type.name.empty() && !is_identifier(type.name))
      return std::format("has a type called `{}`; {}", shown(Json(type.name)), rule_for_names(type.name));
    if (type.kind == Type::Kind::reference) return reference(type, enclosing);
    if (type.kind == Type::Kind::object) return object(type, enclosing);
    for (const auto& argument : type.arguments) {
      if (auto problem = this->type(argument, enclosing)) return problem;
    }
    return std::nullopt;
  }

  static Problem reference(const Type& type, const Enclosing* enclosing) {
    for (; enclosing != nullptr; enclosing = enclosing->outer) {
      if (enclosing->object.name == type.name) return std::nullopt;
    }
    return std::format("refers to a type `{}` that is not around it; define it", type.name);
  }

  Problem object(const Type& type, const Enclosing* enclosing) {
    const Enclosing inner{type, enclosing};
    const auto of_member = [](const Field& member, std::string_view problem) {
      return std::format("has a type whose member `{}` {}", shown(Json(member.name)), problem);
    };
    std::vector<std::string_view> names;
    for (const auto& member : *type.members) {
      if (member.name.empty() || text::invalid_utf8(member.name))
        return of_member(member, "has no name in UTF-8; name it");
      if (auto problem = field(member, &inner)) return of_member(member, *problem);
      names.emplace_back(member.name);
    }
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      return std::format("has a type with two members `{}`; give each a name of its own", *twice);
    for (const auto& argument : type.arguments) {
      if (auto problem = this->type(argument, &inner)) return problem;
    }
    if (!type.name.empty() && !has_value(type, type.name))
      return std::format(
          "has the recursive type `{}`, whose values never end; make the member that holds it optional, a list, or "
          "give it a default",
          type.name);
    return std::nullopt;
  }

  /// True if the type has a value that does not hold one of the object `name`.
  bool has_value(const Type& type, std::string_view name) {
    if (++parts_ > most_parts) return true;
    const auto has = [&](const Type& inner) { return has_value(inner, name); };
    switch (type.kind) {
      case Type::Kind::reference: return type.name != name;
      case Type::Kind::list: return type.limits->min_length.value_or(0) == 0 || has(type.arguments[0]);
      case Type::Kind::dict: return type.limits->min_length.value_or(0) == 0 || has(type.arguments[1]);
      case Type::Kind::tuple: return std::ranges::all_of(type.arguments, has);
      case Type::Kind::union_: return std::ranges::any_of(type.arguments, has);
      case Type::Kind::object:
        return std::ranges::all_of(*type.members,
                                   [&](const Field& member) { return !member.is_required() || has(member.type); });
      default: return true;
    }
  }

  int depth_ = 0;
  int parts_ = 0;
};

Problem default_problem(const Field& field);

Problem defaults_problem(const Type& type, int depth) {
  if (depth == deepest) return std::nullopt;
  for (const auto& argument : type.arguments) {
    if (auto problem = defaults_problem(argument, depth + 1)) return problem;
  }
  for (const auto& member : *type.members) {
    if (auto problem = defaults_problem(member.type, depth + 1)) return problem;
    if (auto problem = default_problem(member))
      return std::format("has a type whose member `{}` {}", shown(Json(member.name)), *problem);
  }
  return std::nullopt;
}

Problem default_problem(const Field& field) {
  if (!field.default_value) return std::nullopt;
  auto value = *field.default_value;
  Violations violations;
  if (fit_in_place(field.type, value, violations)) return std::nullopt;
  const auto& first = violations[0];
  return std::format("has a default that {}{}; choose one that is valid",
                     first.path.empty() ? "" : std::format("is wrong at `{}`, which ", first.path), first.message);
}

}  // namespace

std::optional<std::string> problem_of(const Type& type) {
  if (auto problem = Checker().type(type, nullptr)) return problem;
  return defaults_problem(type, 0);
}

std::optional<std::string> problem_of(const Field& field) {
  if (auto problem = Checker().field(field, nullptr)) return problem;
  if (auto problem = defaults_problem(field.type, 0)) return problem;
  return default_problem(field);
}

void validate(const Type& type) {
  if (const auto problem = problem_of(type))
    throw Error(Errc::signature_error, std::format("the type `{}` {}", annotation_name(type), *problem));
}

}  // namespace dspy
