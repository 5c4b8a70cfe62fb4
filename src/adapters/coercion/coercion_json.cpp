// Values that came as JSON, part by part.

#include "adapters/coercion/coercion.hpp"
#include "adapters/coercion/lost_members.hpp"
#include "adapters/coercion/scalars.hpp"
#include "adapters/json/long_numbers.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

using Kind = Type::Kind;

}  // namespace

Coerced Coercion::text_of(Json value) {
  if (value.is_string()) return value;
  if (value.is_null()) return refuse(value, "is null", "the value is null");
  // As JSON, `(1, 2)` would be another text than the one that was written.
  if (value.is_structured() && repairs_.has(JsonRepairs::name(JsonRepair::python_brackets)))
    return refuse(value, "is a list in Python's form, not a text");
  repairs_.take("json_as_text");
  return Json(to_text(value));
}

Coerced Coercion::scalar_from_json(const Type& type, const Json& value) {
  if (type.kind == Kind::literal && std::ranges::contains(type.choices, value)) return value;
  if (type.kind == Kind::literal && value.is_double()) {
    Json integer = value;
    if (make_integer(integer) && std::ranges::contains(type.choices, integer)) {
      repairs_.take("whole_float");
      return integer;
    }
  }
  if (value.is_string()) {
    auto scalar = coerce_scalar(type, text::trim(view(value.get_string())), repairs_);
    if (scalar && !(type.kind == Kind::literal && scalar->is_string())) repairs_.take("quoted_value");
    return scalar;
  }
  if (type.kind == Kind::boolean) {
    if (value.is_bool()) return value;
  } else if (type.kind == Kind::literal) {
    if (!value.is_null() && !value.is_structured()) {
      auto scalar = coerce_scalar(type, to_text(value), repairs_);
      if (scalar) repairs_.take("json_as_text");
      return scalar;
    }
  } else if (value.is_number()) {
    if (type.kind == Kind::integer && value.is_double() && value.get_double() == std::trunc(value.get_double())) {
      repairs_.take("whole_float");
      if (Json integer = value; make_integer(integer)) return integer;
    }
    return value;  // `fit` has the last word
  }
  if (type.kind == Kind::boolean && value.is_int64() && (value.get_int64() == 0 || value.get_int64() == 1)) {
    repairs_.take("bool_word");
    return value.get_int64() == 1;
  }
  auto scalar = coerce_scalar(type, to_text(value), repairs_);  // which says what is wrong with it
  if (scalar) repairs_.take("json_as_text");
  if (!scalar) scalar.error().violations[0].value = value_at_fault(value);
  return scalar;
}

Coerced Coercion::any_from_json(Json value) {
  if (!repairs_.has(JsonRepairs::name(JsonRepair::long_number))) return value;
  if (auto refusal = refuse_long_numbers(value)) return std::unexpected(*std::move(refusal));
  return value;
}

Coerced Coercion::list_from_json(const Type& type, Json value) {
  if (!value.is_array()) return refuse(value, "is not a list");
  auto& items = value.get_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto read = from_json(type.arguments[0], std::move(items[i]));
    if (!read) {
      read.error().within(i);
      return read;
    }
    items[i] = *std::move(read);
  }
  drop_repeats(type, items, repairs_);
  return value;
}

Coerced Coercion::dict_from_json(const Type& type, Json value) {
  if (!value.is_object()) return refuse(value, "is not a JSON object");
  for (auto& member : value.get_object()) {
    auto read = from_json(type.arguments[1], std::move(member.value()));
    if (!read) {
      read.error().within(member.key());
      return read;
    }
    member.value() = *std::move(read);
  }
  return value;
}

Coerced Coercion::tuple_from_json(const Type& type, Json value) {
  if (!value.is_array() || value.get_array().size() != type.arguments.size()) return value;  // `fit` says what is wrong
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    auto read = from_json(type.arguments[i], std::move(value.get_array()[i]));
    if (!read) {
      read.error().within(i);
      return read;
    }
    value.get_array()[i] = *std::move(read);
  }
  return value;
}

Coerced Coercion::object_from_json(const Type& type, Json value) {
  if (!value.is_object()) return value;
  note_defaults(type, value.get_object(), repairs_);
  const Scope inside{type, scope_};
  const Held scope(scope_, &inside);
  for (const auto& field : *type.members) {
    auto* const member = value.get_object().if_contains(field.name);
    if (member == nullptr || (member->is_null() && field.default_value)) continue;
    auto read = from_json(field.type, std::move(*member));
    if (!read) {
      if (!read.error().tells_place) read.error().reason = std::format("`{}`: {}", field.name, read.error().reason);
      read.error().within(field.name);
      return read;
    }
    *member = *std::move(read);
  }
  if (type.arguments.empty()) {
    if (value.get_object().size() <= type.members->size()) return value;
    const auto has = [&](const Field& member) { return value.get_object().contains(member.name); };
    if (!std::ranges::all_of(*type.members, has)) return value;
    for (const auto& extra : value.get_object()) {
      const std::string_view name = extra.key();
      if (!std::ranges::contains(*type.members, name, &Field::name) && lacks_member(type, value, name))
        return refuse(value, "may hold an object that was closed too early",
                      std::format("`{}` may be a member of an object before it", name));
    }
    JsonObject own;
    for (const auto& member : *type.members) own.emplace(member.name, std::move(value.get_object()[member.name]));
    value = std::move(own);
    repairs_.take("extra_key");
    return value;
  }
  for (auto& member : value.get_object()) {
    const bool is_named = std::ranges::contains(*type.members, std::string_view(member.key()), &Field::name);
    if (is_named) continue;
    auto read = from_json(type.arguments[0], std::move(member.value()));
    if (!read) {
      read.error().within(member.key());
      return read;
    }
    member.value() = *std::move(read);
  }
  return value;
}

}  // namespace dspy
