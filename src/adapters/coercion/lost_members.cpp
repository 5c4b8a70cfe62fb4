#include "adapters/coercion/lost_members.hpp"

#include "dspy/signature/field.hpp"

#include <algorithm>

namespace dspy {

bool lacks_member(const Type& type, const Json& value, std::string_view name) {
  const auto& plain = type.required();
  if (plain.kind == Type::Kind::list && value.is_array()) {
    return std::ranges::any_of(value.get_array(),
                               [&](const Json& item) { return lacks_member(plain.arguments[0], item, name); });
  }
  if (plain.kind != Type::Kind::object || !value.is_object()) return false;
  return std::ranges::any_of(*plain.members, [&](const Field& member) {
    const auto* const inner = value.get_object().if_contains(member.name);
    return inner == nullptr ? member.name == name : lacks_member(member.type, *inner, name);
  });
}

}  // namespace dspy
