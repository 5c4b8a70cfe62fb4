// Whether a value has its type and keeps its limits.

#include "fit.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/detail/calendar.hpp"
#include "notation.hpp"
#include "shapes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <format>
#include <unordered_set>
#include <utility>
#include <variant>

namespace dspy {
namespace {

constexpr std::size_t most_violations = 20;
constexpr int deepest = 256;
/// How many values may be looked at to tell the members of unions apart.
constexpr int most_union_steps = 1'000'000;

using Step = std::variant<std::size_t, std::string_view>;

/// The objects around a value, for the references to them.
struct Scope {
  const Type& object;
  const Scope* outer;
};

void append_step(std::string& path, const Step& step) {
  if (const auto* index = std::get_if<std::size_t>(&step)) {
    path += std::format("[{}]", *index);
    return;
  }
  const auto member = path_of(std::get<std::string_view>(step));
  if (!path.empty() && member[0] != '[') path += '.';
  path += member;
}

/// What a violation keeps of a value.
Json excerpt(const Json& value) {
  if (value.is_array() || value.is_object()) return nullptr;
  if (value.is_string() && (value.get_string().size() > 60 || text::invalid_utf8(view(value.get_string()))))
    return Json(shown(value));
  return value;
}

std::size_t count_characters(std::string_view text) noexcept {
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
}

class Fitter {
 public:
  /// Without a list it stops at the first violation.
  explicit Fitter(Violations* violations) : violations_(violations) {}

  bool field(const Field& field, Json& value, const Scope* scope) {
    steps_.emplace_back(std::string_view(field.name));
    const bool fits = type(field.type, value, scope) && (value.is_null() || validators(field, value));
    steps_.pop_back();
    return fits;
  }

  bool type(const Type& type, Json& value, const Scope* scope) {
    if (depth_ == deepest) return broken("depth", value, std::format("is nested deeper than {}", deepest));
    if (union_depth_ > 0 && ++union_steps_ > most_union_steps) return false;
    ++depth_;
    const bool fits = kind(type, value, scope) && (!type.limits.is_set() || limits(type, value));
    --depth_;
    return fits;
  }

  /// The first of the types that the value fits as it stands; else the first that it fits.
  std::optional<std::size_t> choose(std::span<const Type> types, Json& value, const Scope* scope) {
    std::optional<std::size_t> found;
    Json fitted;
    for (std::size_t i = 0; i < types.size(); ++i) {
      Json copy = value;
      auto* const violations = std::exchange(violations_, nullptr);
      const bool changed = std::exchange(changed_, false);
      ++union_depth_;
      const bool fits = type(types[i], copy, scope);
      --union_depth_;
      const bool exact = fits && !changed_;
      changed_ = changed;
      violations_ = violations;
      if (exact) {
        value = std::move(copy);
        return i;
      }
      if (!fits || found) continue;
      found = i;
      fitted = std::move(copy);
    }
    if (found) {
      value = std::move(fitted);
      respelled();
    }
    return found;
  }

 private:
  bool broken(std::string_view rule, const Json& value, std::string message) {
    if (violations_ == nullptr || violations_->size() == most_violations) return false;
    std::string path;
    for (const auto& step : steps_) append_step(path, step);
    violations_->push_back({std::move(path), std::string(rule), excerpt(value), std::move(message)});
    return false;
  }

  bool is_not(const Json& value, std::string_view wanted) {
    if (violations_ == nullptr) return false;
    return broken("type", value, std::format("is {}, not {}", kind_of(value), wanted));
  }

  /// True if another violation would still be noted.
  bool wants_more() const noexcept { return violations_ != nullptr && violations_->size() < most_violations; }

  void respelled() noexcept { changed_ = true; }

  bool kind(const Type& type, Json& value, const Scope* scope) {
    switch (type.kind) {
      case Type::Kind::string: return string(value, "a string");
      case Type::Kind::integer: return integer(value);
      case Type::Kind::number: return number(type, value);
      case Type::Kind::boolean: return value.is_bool() || is_not(value, "a boolean");
      case Type::Kind::null_: return value.is_null() || is_not(value, "null");
      case Type::Kind::any: return any(value);
      case Type::Kind::literal: return literal(type, value);
      case Type::Kind::list: return list(type, value, scope);
      case Type::Kind::tuple: return tuple(type, value, scope);
      case Type::Kind::dict: return dict(type, value, scope);
      case Type::Kind::optional: return value.is_null() || this->type(type.arguments[0], value, scope);
      case Type::Kind::union_: return one_of_types(type, value, scope);
      case Type::Kind::object: return object(type, value, scope);
      case Type::Kind::reference: return reference(type, value, scope);
      case Type::Kind::date: return date(value);
      case Type::Kind::datetime: return datetime(value);
      case Type::Kind::duration: return duration(value);
      case Type::Kind::bytes: return bytes(value);
      default: return special(type, value);
    }
  }

  bool string(const Json& value, std::string_view wanted) {
    if (!value.is_string()) return is_not(value, wanted);
    const auto position = text::invalid_utf8(view(value.get_string()));
    return !position || broken("type", value, std::format("is not valid UTF-8 at byte {}", *position));
  }

  bool integer(Json& value) {
    if (value.is_int64()) return true;
    if (make_integer(value)) {
      respelled();
      return true;
    }
    if (value.is_uint64()) return broken("type", value, std::format("is {}, beyond 64 bits", value.get_uint64()));
    if (!value.is_double()) return is_not(value, "an integer");
    const double number = value.get_double();
    return broken("type", value,
                  std::format("is {}, {}", number, number == std::trunc(number) ? "beyond 64 bits" : "not an integer"));
  }

  bool number(const Type& type, Json& value) {
    if (value.is_int64() || value.is_uint64()) {
      value = value.is_int64() ? static_cast<double>(value.get_int64()) : static_cast<double>(value.get_uint64());
      respelled();
    }
    if (!value.is_double()) return is_not(value, "a number");
    if (std::isfinite(value.get_double()) || type.limits->allow_inf_nan) return true;
    return broken("allow_inf_nan", value, std::format("is {}, not a finite number", value.get_double()));
  }

  bool any(Json& value) {
    if (value.is_string()) return string(value, "a string");
    if (value.is_double() && !std::isfinite(value.get_double()))
      return broken("allow_inf_nan", value, std::format("is {}, not a finite number", value.get_double()));
    static const Type item = Type::any();
    if (auto* items = value.if_array()) return each_item(*items, item, nullptr);
    if (auto* members = value.if_object()) return each_member(*members, item, nullptr);
    return true;
  }

  bool literal(const Type& type, Json& value) {
    if (std::ranges::contains(type.choices, value)) return true;
    if (value.is_double() || value.is_uint64()) {
      Json integer = value;
      if (make_integer(integer) && std::ranges::contains(type.choices, integer)) {
        value = std::move(integer);
        respelled();
        return true;
      }
    }
    if (violations_ == nullptr) return false;
    return broken("type", value,
                  std::format("is `{}`, not {}{}", shown(value), type.choices.size() > 1 ? "one of " : "",
                              enumerated(type.choices)));
  }

  static std::string enumerated(const std::vector<Json>& choices) {
    constexpr std::size_t most = 20;
    std::vector<std::string> words;
    for (const auto& choice : choices) {
      if (words.size() == most) break;
      words.push_back(std::format("`{}`", shown(choice)));
    }
    if (choices.size() > most) words.push_back(std::format("{} others", choices.size() - most));
    return text::enumerate(words);
  }

  bool each_item(JsonArray& items, const Type& type, const Scope* scope) {
    bool fits = true;
    for (std::size_t i = 0; i < items.size() && (fits || wants_more()); ++i) {
      steps_.emplace_back(i);
      fits = this->type(type, items[i], scope) && fits;
      steps_.pop_back();
    }
    return fits;
  }

  bool list(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_array()) return is_not(value, "a list");
    return each_item(value.get_array(), type.arguments[0], scope);
  }

  bool tuple(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_array()) return is_not(value, "a list");
    auto& items = value.get_array();
    if (items.size() != type.arguments.size()) {
      return broken(
          "type", value,
          std::format("has {} item{}, not {}", items.size(), items.size() == 1 ? "" : "s", type.arguments.size()));
    }
    bool fits = true;
    for (std::size_t i = 0; i < items.size() && (fits || wants_more()); ++i) {
      steps_.emplace_back(i);
      fits = this->type(type.arguments[i], items[i], scope) && fits;
      steps_.pop_back();
    }
    return fits;
  }

  bool key(const Type& type, std::string_view key) {
    if (type.kind == Type::Kind::integer) {
      Json integer;
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), number);
      if (error != std::errc() || stop != key.data() + key.size())
        return broken("key", Json(key), std::format("has the key `{}`, which is not an integer", shown(Json(key))));
      integer = number;
      return !type.limits.is_set() || limits(type, integer);
    }
    Json text(key);
    if (const auto position = text::invalid_utf8(key))
      return broken("key", text, std::format("has a key that is not valid UTF-8 at byte {}", *position));
    if (type.kind == Type::Kind::string) return !type.limits.is_set() || limits(type, text);
    // A JSON object writes every key as a string.
    const auto is_key = [&](const Json& choice) {
      return choice.is_string() ? view(choice.get_string()) == key : to_text(choice) == key;
    };
    if (std::ranges::any_of(type.choices, is_key)) return true;
    return broken("key", text,
                  std::format("has the key `{}`, which is not {}{}", shown(text),
                              type.choices.size() > 1 ? "one of " : "", enumerated(type.choices)));
  }

  bool each_member(JsonObject& members, const Type& type, const Scope* scope) {
    static const Type text = Type::string();
    bool fits = true;
    for (auto& member : members) {
      if (!fits && !wants_more()) break;
      fits = key(text, member.key()) && fits;
      steps_.emplace_back(std::string_view(member.key()));
      fits = this->type(type, member.value(), scope) && fits;
      steps_.pop_back();
    }
    return fits;
  }

  bool dict(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_object()) return is_not(value, "an object");
    bool fits = true;
    for (auto& member : value.get_object()) {
      if (!fits && !wants_more()) break;
      fits = key(type.arguments[0], member.key()) && fits;
      steps_.emplace_back(std::string_view(member.key()));
      fits = this->type(type.arguments[1], member.value(), scope) && fits;
      steps_.pop_back();
    }
    return fits;
  }

  bool object(const Type& type, Json& value, const Scope* scope) {
    if (!value.is_object()) return is_not(value, "an object");
    auto& values = value.get_object();
    const Scope inner{type, scope};
    bool fits = true;
    std::size_t known = 0;
    std::vector<const Field*> absent;
    for (const auto& member : *type.members) {
      if (!fits && !wants_more()) return false;
      if (auto* found = values.if_contains(member.name)) {
        ++known;
        fits = field(member, *found, &inner) && fits;
      } else if (!member.is_required()) {
        if (member.default_value || !is_special_) absent.push_back(&member);
      } else {
        steps_.emplace_back(std::string_view(member.name));
        fits = broken("missing", nullptr, "is missing");
        steps_.pop_back();
      }
    }
    if (known != values.size()) fits = other_members(type, values, &inner) && fits;
    for (const auto* member : absent) {
      values.emplace(member->name, member->default_value.value_or(nullptr));
      respelled();
    }
    return fits;
  }

  bool other_members(const Type& type, JsonObject& values, const Scope* scope) {
    bool fits = true;
    for (auto& [name, value] : values) {
      if (std::ranges::contains(*type.members, std::string_view(name), &Field::name)) continue;
      if (!fits && !wants_more()) break;
      steps_.emplace_back(std::string_view(name));
      if (type.arguments.empty()) {
        fits = broken("unknown", value,
                      type.name.empty() ? std::string("is no member of the object")
                                        : std::format("is no member of `{}`", type.name));
      } else {
        fits = key(Type::string(), name) && this->type(type.arguments[0], value, scope) && fits;
      }
      steps_.pop_back();
    }
    return fits;
  }

  bool reference(const Type& type, Json& value, const Scope* scope) {
    for (; scope != nullptr; scope = scope->outer) {
      if (scope->object.name == type.name) return this->type(scope->object, value, scope->outer);
    }
    return broken("type", value, std::format("has a type `{}` that is not defined", type.name));
  }

  bool one_of_types(const Type& type, Json& value, const Scope* scope) {
    if (choose(type.arguments, value, scope)) return true;
    if (violations_ == nullptr) return false;
    const Type* alike = nullptr;
    int alike_count = 0;
    for (const auto& each : type.arguments) {
      if (!is_alike(each, value, scope)) continue;
      alike = &each;
      ++alike_count;
    }
    if (union_steps_ > most_union_steps)
      return broken("union", value,
                    "takes too long to tell which type of the union it has; make the types differ more");
    if (alike_count == 1) return this->type(*alike, value, scope);
    std::vector<std::string> names;
    for (const auto& each : type.arguments) names.push_back(std::format("`{}`", annotation_name(each)));
    return broken("union", value, std::format("is {}, which fits none of {}", kind_of(value), text::enumerate(names)));
  }

  /// True if the value has the JSON kind of the type, so that its violations are worth telling.
  static bool is_alike(const Type& type, const Json& value, const Scope* scope) {
    switch (type.kind) {
      case Type::Kind::integer:
      case Type::Kind::number: return value.is_number();
      case Type::Kind::boolean: return value.is_bool();
      case Type::Kind::any: return true;
      case Type::Kind::literal: return std::ranges::contains(type.choices, value.kind(), &Json::kind);
      case Type::Kind::list:
      case Type::Kind::tuple: return value.is_array();
      case Type::Kind::dict:
      case Type::Kind::object: return value.is_object();
      case Type::Kind::reference: return value.is_object() && scope != nullptr;
      case Type::Kind::string:
      case Type::Kind::date:
      case Type::Kind::datetime:
      case Type::Kind::duration:
      case Type::Kind::bytes:
      case Type::Kind::code:
      case Type::Kind::reasoning: return value.is_string();
      default: return value.is_object();
    }
  }

  bool date(Json& value) {
    if (!value.is_string()) return is_not(value, "a date");
    return detail::read_date(view(value.get_string())) ||
           broken("type", value, std::format("is `{}`, not a date such as `2026-11-21`", shown(value)));
  }

  bool datetime(Json& value) {
    if (!value.is_string()) return is_not(value, "a date and time");
    auto& text = value.get_string();
    if (!detail::read_datetime(view(text)))
      return broken("type", value,
                    std::format("is `{}`, not a date and time such as `2026-11-21T06:48:00Z`", shown(value)));
    if (text[10] != 'T') {
      text[10] = 'T';
      respelled();
    }
    return true;
  }

  bool duration(Json& value) {
    if (value.is_int64()) {
      value = Json(detail::duration_text({value.get_int64(), 0}));
      respelled();
      return true;
    }
    if (!value.is_string()) return is_not(value, "a duration");
    return detail::read_duration(view(value.get_string())) ||
           broken("type", value, std::format("is `{}`, not a duration such as `PT1H30M`", shown(value)));
  }

  bool bytes(const Json& value) {
    if (!value.is_string()) return is_not(value, "base64 text");
    return base64::decoded_size(view(value.get_string())) ||
           broken("type", value, std::format("is `{}`, not base64 text", shown(value)));
  }

  bool special(const Type& type, Json& value) {
    if (shapes::respell(type.kind, value)) respelled();
    const auto& shape = shape_of(type);
    if (shape.kind == Type::Kind::string) return string(value, "a string");
    const bool outer = std::exchange(is_special_, true);
    const bool fits = object(shape, value, nullptr);
    is_special_ = outer;
    if (!fits) return false;
    const auto problem = shapes::problem_of(type.kind, value.get_object());
    return !problem || broken("type", value, *problem);
  }

  bool validators(const Field& field, const Json& value) {
    bool fits = true;
    for (const auto& validator : field.validators) {
      if (const auto problem = validator.check(value)) fits = broken(validator.name, value, *problem);
    }
    return fits;
  }

  bool limits(const Type& type, const Json& value) {
    const auto& limits = *type.limits;
    bool fits = true;
    if (value.is_int64()) fits = range(limits, value.get_int64(), value);
    if (value.is_double()) fits = range(limits, value.get_double(), value);
    if (limits.min_length || limits.max_length) fits = length(type, limits, value) && fits;
    if (!limits.pattern.empty() && value.is_string() && !limits.pattern.is_found_in(view(value.get_string())))
      fits = broken("pattern", value,
                    std::format("is `{}`, which does not match `{}`", shown(value), limits.pattern.text()));
    if (limits.unique_items && value.is_array()) fits = unique(value.get_array()) && fits;
    if (!limits.one_of.empty() && !std::ranges::contains(limits.one_of, value))
      fits = broken("one_of", value, std::format("is `{}`, not one of {}", shown(value), enumerated(limits.one_of)));
    return fits;
  }

  bool range(const Limits& limits, Number number, const Json& value) {
    bool fits = true;
    const auto tell = [&](std::string_view rule, std::string_view relation, const Number& limit) {
      fits = broken(rule, value,
                    std::format("is {}, {} {}", number.value() == 0 ? "0" : plain(number), relation, plain(limit)));
    };
    if (limits.ge && compare(number, *limits.ge) < 0) tell("ge", "below the minimum", *limits.ge);
    if (limits.gt && !(compare(number, *limits.gt) > 0)) tell("gt", "not above", *limits.gt);
    if (limits.le && compare(number, *limits.le) > 0) tell("le", "above the maximum", *limits.le);
    if (limits.lt && !(compare(number, *limits.lt) < 0)) tell("lt", "not below", *limits.lt);
    if (limits.multiple_of && !is_multiple(number, *limits.multiple_of))
      tell("multiple_of", "not a multiple of", *limits.multiple_of);
    return fits;
  }

  /// A number in a sentence: `5` for 5.0.
  static std::string plain(const Number& number) {
    return number.is_integer ? std::to_string(number.integer) : std::format("{}", number.real);
  }

  static bool is_multiple(const Number& number, const Number& unit) {
    if (number.is_integer && unit.is_integer)
      return unit.integer == -1 || (unit.integer != 0 && number.integer % unit.integer == 0);
    // Floats are compared with some slack, for 0.3 is no exact multiple of 0.1.
    const double value = number.value();
    return std::abs(std::remainder(value, unit.value())) <= std::abs(value) / 1e9;
  }

  bool length(const Type& type, const Limits& limits, const Json& value) {
    std::size_t length = 0;
    std::string_view unit = "item";
    if (const auto* text = value.if_string()) {
      const bool is_bytes = type.kind == Type::Kind::bytes;
      unit = is_bytes ? "byte" : "character";
      length = is_bytes ? base64::decoded_size(view(*text)).value_or(0) : count_characters(view(*text));
    } else if (const auto* items = value.if_array()) {
      length = items->size();
    } else if (const auto* members = value.if_object()) {
      length = members->size();
    } else {
      return true;
    }
    const auto tell = [&](std::string_view rule, std::string_view relation, std::size_t limit) {
      return broken(rule, value,
                    std::format("has {} {}{}, {} {}", length, unit, length == 1 ? "" : "s", relation, limit));
    };
    if (limits.min_length && length < *limits.min_length)
      return tell("min_length", "below the minimum", *limits.min_length);
    if (limits.max_length && length > *limits.max_length)
      return tell("max_length", "above the maximum", *limits.max_length);
    return true;
  }

  bool unique(const JsonArray& items) {
    constexpr std::size_t few = 16;  // up to here looking at each one is faster than hashing
    std::unordered_set<Json> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool repeated = items.size() <= few ? std::ranges::contains(items.begin(), items.begin() + i, items[i])
                                                : !seen.insert(items[i]).second;
      if (!repeated) continue;
      steps_.emplace_back(i);
      broken("unique_items", items[i], "stands there already");
      steps_.pop_back();
      return false;
    }
    return true;
  }

  Violations* violations_;
  std::vector<Step> steps_;
  int depth_ = 0;
  int union_depth_ = 0;
  int union_steps_ = 0;
  bool changed_ = false;
  bool is_special_ = false;  ///< Within one of DSPy's own types, whose absent members stay absent.
};

}  // namespace

std::optional<std::size_t> alternative_of(std::span<const Type> types, const Json& value) {
  auto copy = value;
  return Fitter(nullptr).choose(types, copy, nullptr);
}

bool fit_in_place(const Type& type, Json& value, Violations& violations) {
  return Fitter(&violations).type(type, value, nullptr);
}

bool fit_in_place(const Field& field, Json& value, Violations& violations) {
  return Fitter(&violations).field(field, value, nullptr);
}

std::expected<Json, Violations> fit(const Type& type, Json value) {
  Violations violations;
  if (!fit_in_place(type, value, violations)) return std::unexpected(std::move(violations));
  return value;
}

std::expected<Json, Violations> fit(const Field& field, Json value) {
  Violations violations;
  if (!fit_in_place(field, value, violations)) return std::unexpected(std::move(violations));
  return value;
}

}  // namespace dspy
