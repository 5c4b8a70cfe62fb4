// A model's text or JSON as a value of a type: by which kind of type.

#include "adapters/coercion/coercion.hpp"

#include "adapters/coercion/scalars.hpp"
#include "adapters/coercion/times.hpp"
#include "adapters/json/long_numbers.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// True if values of the type are, or may be, a JSON object or list.
bool is_structured(const Type& type) {
  switch (type.kind) {
    case Kind::date:
    case Kind::datetime:
    case Kind::time:
    case Kind::duration:
    case Kind::bytes:
    case Kind::code:
    case Kind::reasoning: return false;
    default: return true;
  }
}

}  // namespace

Coerced Coercion::from_text(const Type& type, std::string_view text) {
  switch (type.kind) {
    case Kind::string: return Json(text);
    case Kind::list: return list_from_text(type, text);
    case Kind::dict: {
      auto value = dict_from_text(type, text);
      if (value) return value;
      if (auto inside = object_inside(type, text)) return *std::move(inside);
      return value;
    }
    case Kind::optional:
      return optional_from_text(type.arguments[0], is_scalar(type.arguments[0]) ? unfenced(text) : text);
    case Kind::integer:
    case Kind::number:
    case Kind::boolean:
    case Kind::literal: return coerce_scalar(type, unfenced(text), repairs_);
    case Kind::union_: return union_from_text(type, text);
    case Kind::reference:
      return at_reference(type, Json(text), [&](const Type& object, const Json&) { return from_text(object, text); });
    case Kind::null_: return null_from_text(text);
    case Kind::any: return any_from_text(text);
    case Kind::code: return code_from_text(type, text);
    case Kind::reasoning: return Json(text);
    default: break;
  }
  if (!is_structured(type)) return plain_value(type, text);
  const auto inner = unfenced(text);
  Coerced value = Json(text);  // `fit` has the last word
  if (inner.starts_with('{') || inner.starts_with('[')) {
    value = json_text(type, inner);
    if (value) return value;
  }
  if (type.kind == Kind::tuple) {
    if (auto python = python_list(type, inner)) return *std::move(python);
  }
  if (type.kind != Kind::object) return value;
  if (auto inside = object_inside(type, inner)) return *std::move(inside);
  return value;
}

Coerced Coercion::from_json(const Type& type, Json value) {
  if (union_depth_ > 0 && ++union_steps_ > most_union_steps) return refused_union(type, value);
  if (type.is_optional()) {
    if (value.is_null()) return value;
    if (value.is_string() && !takes_text(type.arguments[0], view(value.get_string()))) {
      const auto text = text::trim(view(value.get_string()));
      if (is_null_word(text) && !is_near_choice(type.arguments[0], text)) {
        if (text != "none" && text != "None") repairs_.take("null_word");
        return nullptr;
      }
    }
    return from_json(type.arguments[0], std::move(value));
  }
  if (value.is_double() && !std::isfinite(value.get_double()) && type.kind != Kind::number &&
      type.kind != Kind::union_) {
    const auto complaint = std::format("is {}, not a finite number", value.get_double());
    return refuse(value, complaint, "the value " + complaint);
  }
  if (type.kind == Kind::string) return text_of(std::move(value));
  if (type.kind == Kind::code && value.is_string() && view(value.get_string()).starts_with("```"))
    return code_from_text(type, view(value.get_string()));
  if (is_scalar(type)) return scalar_from_json(type, value);
  if (type.kind == Kind::union_) {
    auto best = best_of(type, &value, [&](const Type& alternative) { return from_json(alternative, value); });
    if (best) return *std::move(best);
    if (const auto* const meant = tagged_alternative(type, value)) return refused_alternative(*meant, value);
    return refused_union(type, value);
  }
  if (type.kind == Kind::reference) {
    return at_reference(type, std::move(value),
                        [&](const Type& object, Json inner) { return from_json(object, std::move(inner)); });
  }
  if (type.kind == Kind::null_ && value.is_string()) return null_from_text(text::trim(view(value.get_string())));
  if (type.kind == Kind::date || type.kind == Kind::datetime || type.kind == Kind::time || type.kind == Kind::duration)
    return time_from_json(type, std::move(value));
  if (type.kind == Kind::any || type.kind == Kind::tool_calls) return any_from_json(std::move(value));
  const bool has_parts =
      type.kind == Kind::list || type.kind == Kind::dict || type.kind == Kind::tuple || type.kind == Kind::object;
  if (!has_parts) return value;  // `fit` has the last word
  if (value.is_string()) {
    auto read = from_text(type, text::trim(view(value.get_string())));
    if (read) repairs_.take("quoted_value");
    return read;
  }
  switch (type.kind) {
    case Kind::list: return list_from_json(type, std::move(value));
    case Kind::dict: return dict_from_json(type, std::move(value));
    case Kind::tuple: return tuple_from_json(type, std::move(value));
    default: return object_from_json(type, std::move(value));
  }
}

Coerced Coercion::optional_from_text(const Type& inner, std::string_view text) {
  if (inner.kind == Kind::literal && std::ranges::contains(inner.choices, Json(text))) return Json(text);
  const bool quoted = text.size() > 1 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
  const auto inside = quoted ? text.substr(1, text.size() - 2) : std::string_view();
  if (!is_null_word(text) && !(quoted && inside.empty())) return from_text(inner, text);
  if (quoted && takes_json(inner)) return from_text(inner, text);
  if (quoted && takes_text(inner, inside)) {
    repairs_.take("decorated_value");
    return Json(inside);
  }
  const bool is_json = text == "null" && takes_json(inner);
  if (!text.empty() && text != "none" && text != "None" && !is_json) repairs_.take("null_word");
  return nullptr;
}

Coerced Coercion::null_from_text(std::string_view text) {
  if (!is_null_word(text)) return refuse(text, "is not null");
  if (!text.empty() && text != "none" && text != "None" && text != "null") repairs_.take("null_word");
  return nullptr;
}

Coerced Coercion::any_from_text(std::string_view text) {
  const auto inner = unfenced(text);
  if (inner == "None" || inner == "none" || inner == "null") return nullptr;
  if (inner == "True" || inner == "true") return true;
  if (inner == "False" || inner == "false") return false;
  if (inner.starts_with('{') || inner.starts_with('[')) {
    const auto mark = repairs_.mark();
    auto value = json_text(Type::any(), inner);
    const auto taken = repairs_.cut(mark);
    // What only begins like JSON may be text.
    if (std::ranges::contains(taken, std::string_view("unclosed"), &Flag::repair))
      return refuse(text, "may be text or JSON that is cut off");
    repairs_.take(taken);
    if (value) return value;
    const auto whole = read_lenient_json(inner);
    if (whole && whole->end == inner.size() && whole->repairs.has(JsonRepair::long_number)) return value;
  }
  if (auto value = parse_json(inner)) return *std::move(value);
  if (const auto problem = long_number_problem(inner)) return refuse(inner, *problem);
  const bool is_quoted = inner.size() > 2 && inner.find('\'') == 0 && inner.find_first_of("'\\", 1) == inner.size() - 1;
  if (!is_quoted) return Json(text);
  repairs_.take("single_quotes");
  return Json(inner.substr(1, inner.size() - 2));
}

Coerced Coercion::time_from_json(const Type& type, Json value) {
  if (value.is_string()) return plain_value(type, text::trim(view(value.get_string())));
  if (value.is_int64()) {
    if (auto text = read_seconds(type.kind, value.get_int64(), repairs_)) return Json(*text);
  } else if (value.is_double() && type.kind == Kind::duration) {
    if (auto text = read_time_like(type.kind, to_text(value), repairs_)) return Json(*text);
  }
  return value;  // `fit` has the last word
}

Coerced Coercion::plain_value(const Type& type, std::string_view text) {
  const auto inside = peel(text);
  if (type.kind == Kind::time && may_be_two_times(inside))
    return refuse(text, "may be a time with an offset or two times");
  if (fit(type, Json(text))) return Json(text);
  std::optional<Json> value;
  if (auto read = read_time_like(type.kind, inside, repairs_)) {
    value = Json(*read);
  } else if (inside != text && fit(type, Json(inside))) {
    value = Json(inside);
  }
  if (!value) return Json(text);  // `fit` has the last word
  if (inside != text) repairs_.take("decorated_value");
  return *value;
}

bool Coercion::is_near_choice(const Type& type, std::string_view text) {
  return type.kind == Kind::literal && std::ranges::any_of(type.choices, [&](const Json& choice) {
           return choice.is_string() && text::equals_ignoring_case(view(choice.get_string()), text);
         });
}

bool Coercion::takes_json(const Type& type) {
  return type.kind == Kind::any || (type.kind == Kind::union_ && std::ranges::any_of(type.arguments, takes_json));
}

bool Coercion::takes_text(const Type& type, std::string_view text) {
  switch (type.kind) {
    case Kind::string:
    case Kind::any:
    case Kind::code:
    case Kind::reasoning: return true;
    case Kind::bytes: return text.empty();
    case Kind::literal: return std::ranges::contains(type.choices, Json(text));
    case Kind::union_:
      return std::ranges::any_of(type.arguments, [&](const Type& each) { return takes_text(each, text); });
    default: return false;
  }
}

Coerced coerce_text(const Type& type, std::string_view text, Repairs& repairs, const Scope* scope) {
  return Coercion(repairs, scope).from_text(type, text);
}

Coerced coerce_json(const Type& type, Json value, Repairs& repairs, const Scope* scope) {
  return Coercion(repairs, scope).from_json(type, std::move(value));
}

}  // namespace dspy
