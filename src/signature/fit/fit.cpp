// Checks a value against its type and limits: the walk through its parts.  Values without parts are checked in
// fit_scalars.cpp, keys of dictionaries in fit_keys.cpp, limits in fit_limits.cpp; fit_unions.cpp says why a value fits
// no type of a union.

#include "fit.hpp"

#include "dspy/base/text.hpp"
#include "fit_findings.hpp"
#include "fit_unions.hpp"
#include "signature/types/shapes.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr int deepest = 256;

class Fitter {
 public:
  /// Without a list it stops at the first violation.
  explicit Fitter(Violations* violations, int union_steps = 0) : findings_(violations), union_steps_(union_steps) {}

  int union_steps() const noexcept { return union_steps_; }

  bool field(const Field& field, Json& value, const Scope* scope) {
    const auto inside = findings_.inside(std::string_view(field.name));
    return type(field.type, value, scope) && (value.is_null() || validators(field, value));
  }

  bool type(const Type& type, Json& value, const Scope* scope) {
    if (depth_ == deepest) return findings_.broken("depth", value, std::format("is nested deeper than {}", deepest));
    if (union_depth_ > 0 && ++union_steps_ > most_union_steps) return false;
    ++depth_;
    const bool fits = kind(type, value, scope) && (!type.limits.is_set() || keeps_limits(type, value, findings_));
    --depth_;
    return fits;
  }

  /// The first type that the value has exactly; otherwise the first that it fits.
  std::optional<std::size_t> choose(std::span<const Type> types, Json& value, const Scope* scope) {
    std::optional<std::size_t> found;
    Json fitted;
    for (std::size_t i = 0; i < types.size(); ++i) {
      Json copy = value;
      bool as_it_stands = false;
      ++union_depth_;
      const bool fits = findings_.try_quietly([&] { return type(types[i], copy, scope); }, as_it_stands);
      --union_depth_;
      if (fits && as_it_stands) {
        value = std::move(copy);
        return i;
      }
      if (!fits || found) continue;
      found = i;
      fitted = std::move(copy);
    }
    if (found) {
      value = std::move(fitted);
      findings_.respelled();
    }
    return found;
  }

 private:
  bool kind(const Type& type, Json& value, const Scope* scope) {
    switch (type.kind) {
      case Type::Kind::string:
      case Type::Kind::integer:
      case Type::Kind::number:
      case Type::Kind::boolean:
      case Type::Kind::null_:
      case Type::Kind::literal:
      case Type::Kind::date:
      case Type::Kind::datetime:
      case Type::Kind::time:
      case Type::Kind::duration:
      case Type::Kind::bytes: return fit_scalar(type, value, findings_);
      case Type::Kind::any: return any(value);
      case Type::Kind::list: return list(type, value, scope);
      case Type::Kind::tuple: return tuple(type, value, scope);
      case Type::Kind::dict: return dict(type, value, scope);
      case Type::Kind::optional: return value.is_null() || this->type(type.arguments[0], value, scope);
      case Type::Kind::union_: return one_of_types(type, value, scope);
      case Type::Kind::object: return object(type, value, scope);
      case Type::Kind::reference: return reference(type, value, scope);
      default: return special(type, value);
    }
  }

  bool any(Json& value) {
    static const Type item = Type::any();
    static const Type text = Type::string();
    static const Type number = Type::number();
    if (value.is_string()) return fit_scalar(text, value, findings_);
    if (value.is_double()) return fit_scalar(number, value, findings_);
    if (auto* items = value.if_array()) return each_item(*items, item, nullptr);
    if (auto* members = value.if_object()) return each_member(*members, item, nullptr);
    return true;
  }

  bool each_item(JsonArray& items, const Type& type, const Scope* scope) {
    bool fits = true;
    for (std::size_t i = 0; i < items.size() && (fits || findings_.want_more()); ++i) {
      const auto inside = findings_.inside(i);
      fits = this->type(type, items[i], scope) && fits;
    }
    return fits;
  }

  bool list(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_array()) return findings_.is_not(value, "a list");
    return each_item(value.get_array(), type.arguments[0], scope);
  }

  bool tuple(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_array()) return findings_.is_not(value, "a list");
    auto& items = value.get_array();
    if (items.size() != type.arguments.size()) {
      return findings_.broken(
          "type", value,
          std::format("has {} item{}, not {}", items.size(), items.size() == 1 ? "" : "s", type.arguments.size()));
    }
    bool fits = true;
    for (std::size_t i = 0; i < items.size() && (fits || findings_.want_more()); ++i) {
      const auto inside = findings_.inside(i);
      fits = this->type(type.arguments[i], items[i], scope) && fits;
    }
    return fits;
  }

  bool each_member(JsonObject& members, const Type& type, const Scope* scope) {
    static const Type text = Type::string();
    bool fits = true;
    for (auto& member : members) {
      if (!fits && !findings_.want_more()) break;
      fits = fit_key(text, member.key(), findings_) && fits;
      const auto inside = findings_.inside(std::string_view(member.key()));
      fits = this->type(type, member.value(), scope) && fits;
    }
    return fits;
  }

  bool dict(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_object()) return findings_.is_not(value, "an object");
    bool fits = true;
    for (auto& member : value.get_object()) {
      if (!fits && !findings_.want_more()) break;
      fits = fit_key(type.arguments[0], member.key(), findings_) && fits;
      const auto inside = findings_.inside(std::string_view(member.key()));
      fits = this->type(type.arguments[1], member.value(), scope) && fits;
    }
    return fits;
  }

  bool object(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_object()) return findings_.is_not(value, "an object");
    auto& values = value.get_object();
    const Scope inner{type, scope};
    bool fits = true;
    std::size_t known = 0;
    std::vector<const Field*> absent;
    for (const auto& member : *type.members) {
      if (!fits && !findings_.want_more()) return false;
      if (auto* found = values.if_contains(member.name)) {
        ++known;
        fits = field(member, *found, &inner) && fits;
      } else if (!member.is_required()) {
        if (member.default_value || !is_special_) absent.push_back(&member);
      } else {
        const auto inside = findings_.inside(std::string_view(member.name));
        fits = findings_.broken("missing", nullptr, "is missing");
      }
    }
    if (known != values.size()) fits = other_members(type, values, &inner) && fits;
    for (const auto* member : absent) {
      values.emplace(member->name, member->default_value.value_or(nullptr));
      findings_.respelled();
    }
    return fits;
  }

  bool other_members(const Type& type, JsonObject& values, const Scope* scope) {
    bool fits = true;
    for (auto& [name, value] : values) {
      if (std::ranges::contains(*type.members, std::string_view(name), &Field::name)) continue;
      if (!fits && !findings_.want_more()) break;
      const auto inside = findings_.inside(std::string_view(name));
      if (type.arguments.empty()) {
        fits = findings_.broken("unknown", value,
                                type.name.empty() ? std::string("is not a member of the object")
                                                  : std::format("is not a member of `{}`", type.name));
      } else {
        fits = fit_key(Type::string(), name, findings_) && this->type(type.arguments[0], value, scope) && fits;
      }
    }
    return fits;
  }

  bool reference(const Type& type, Json& value, const Scope* scope) {
    if (const auto* const found = find_object(scope, type.name)) return this->type(found->object, value, found->outer);
    return findings_.broken("type", value, std::format("has a type `{}` that is not defined", type.name));
  }

  bool one_of_types(const Type& type, Json& value, const Scope* scope) {
    if (choose(type.arguments, value, scope)) return true;
    if (!findings_.are_noted()) return false;
    if (union_steps_ > most_union_steps)
      return findings_.broken("union", value,
                              "took too long to match against the types of the union; make the types more distinct");
    if (const auto* const alike = alternative_like(type, value, scope)) return this->type(*alike, value, scope);
    return findings_.broken("union", value, fits_none_of(type, value));
  }

  bool special(const Type& type, Json& value) {
    if (shapes::respell(type.kind, value)) findings_.respelled();
    const auto& shape = shape_of(type);
    if (shape.kind == Type::Kind::string) return fit_scalar(shape, value, findings_);
    const bool outer = std::exchange(is_special_, true);
    const bool fits = object(shape, value, nullptr);
    is_special_ = outer;
    if (!fits) return false;
    const auto problem = shapes::problem_of(type.kind, value.get_object());
    return !problem || findings_.broken("type", value, *problem);
  }

  bool validators(const Field& field, const Json& value) {
    bool fits = true;
    for (const auto& validator : field.validators) {
      if (const auto problem = validator.check(value)) fits = findings_.broken(validator.name, value, *problem);
    }
    return fits;
  }

  Findings findings_;
  int depth_ = 0;
  int union_depth_ = 0;
  int union_steps_;
  bool is_special_ = false;  ///< Within one of DSPy's own types, whose absent members stay absent.
};

}  // namespace

const Scope* find_object(const Scope* scope, std::string_view name) noexcept {
  while (scope != nullptr && scope->object.name != name) scope = scope->outer;
  return scope;
}

std::optional<std::size_t> alternative_of(std::span<const Type> types, const Json& value) {
  auto copy = value;
  return Fitter(nullptr).choose(types, copy, nullptr);
}

bool fit_in_place(const Type& type, Json& value, Violations& violations) {
  return Fitter(&violations).type(type, value, nullptr);
}

bool fit_in_place(const Field& field, Json& value, Violations& violations) {
  // Most fields are plain text, and a call looks at several.
  const bool is_plain =
      field.type.kind == Type::Kind::string && !field.type.limits.is_set() && field.validators.empty();
  if (is_plain && value.is_string() && !text::invalid_utf8(view(value.get_string()))) return true;
  return Fitter(&violations).field(field, value, nullptr);
}

std::expected<Json, Violations> fit(const Type& type, Json value) {
  int union_steps = 0;
  return fit(type, std::move(value), nullptr, union_steps);
}

std::expected<Json, Violations> fit(const Type& type, Json value, const Scope* scope, int& union_steps) {
  Violations violations;
  Fitter fitter(&violations, union_steps);
  const bool fits = fitter.type(type, value, scope);
  union_steps = fitter.union_steps();
  if (!fits) return std::unexpected(std::move(violations));
  return value;
}

std::expected<Json, Violations> fit(const Field& field, Json value) {
  Violations violations;
  if (!fit_in_place(field, value, violations)) return std::unexpected(std::move(violations));
  return value;
}

}  // namespace dspy
