// Values that are of no type of a union.

#include "adapters/coercion/coercion.hpp"
#include "adapters/coercion/union_text.hpp"

#include <algorithm>
#include <utility>

namespace dspy {
namespace {

std::unexpected<Refusal> refuse_union(const Json& value, const std::string& complaint) {
  auto out = refuse(value, complaint, "the value " + complaint);
  out.error().violations[0].rule = "union";
  return out;
}

}  // namespace

int Coercion::rank(const Type& type, const Json& value) noexcept {
  using Kind = Type::Kind;
  if (!value.is_string()) return value.is_double() ? 2 : 3;
  const bool takes_any =
      type.kind == Kind::string || type.kind == Kind::any || type.kind == Kind::code || type.kind == Kind::reasoning;
  return takes_any ? 0 : type.kind == Kind::bytes ? 1 : 2;
}

Coerced Coercion::union_from_text(const Type& type, std::string_view text) {
  const auto mark = repairs_.mark();
  const bool is_structure = is_structure_of(type, unfenced(text));
  repairs_.forget(mark);
  auto value = best_of(type, nullptr, [&](const Type& alternative) -> Coerced {
    const bool is_text = alternative.kind == Type::Kind::string || alternative.kind == Type::Kind::code;
    if (is_structure && is_text) return refuse(text, "is a list or an object");
    return from_text(alternative, text);
  });
  if (value) return *std::move(value);
  return refused_union(type, Json(text));
}

std::unexpected<Refusal> Coercion::refused_union(const Type& type, const Json& value) const {
  return union_steps_ > most_union_steps
             ? refuse_union(value,
                            "took too long to match against the types of the union; make the types more distinct")
             : refuse_union(value, "is none of " + annotation_name(type));
}

const Type* Coercion::tagged_alternative(const Type& type, const Json& value) const {
  const auto* const object = value.if_object();
  if (object == nullptr || union_steps_ > most_union_steps) return nullptr;
  const Type* found = nullptr;
  for (const auto& alternative : type.arguments) {
    const auto* const outer =
        alternative.kind == Type::Kind::reference ? find_object(scope_, alternative.name) : nullptr;
    const auto& plain = outer != nullptr ? outer->object : alternative;
    if (plain.kind != Type::Kind::object) continue;
    const bool is_tagged = std::ranges::any_of(*plain.members, [&](const Field& member) {
      const auto* const tag = object->if_contains(member.name);
      return member.type.kind == Type::Kind::literal && tag != nullptr &&
             std::ranges::contains(member.type.choices, *tag);
    });
    if (!is_tagged) continue;
    if (found != nullptr) return nullptr;
    found = &alternative;
  }
  return found;
}

Coerced Coercion::refused_alternative(const Type& type, const Json& value) {
  const auto mark = repairs_.mark();
  auto read = from_json(type, value);
  repairs_.forget(mark);
  if (!read) {
    read.error().reason = to_sentence(read.error().violations);
    read.error().tells_place = true;
    return read;
  }
  auto fitted = fit(type, *std::move(read), scope_, union_steps_);
  if (fitted) return refuse_union(value, "is none of " + annotation_name(type));
  return std::unexpected(
      Refusal{.reason = to_sentence(fitted.error()), .violations = std::move(fitted.error()), .tells_place = true});
}

}  // namespace dspy
