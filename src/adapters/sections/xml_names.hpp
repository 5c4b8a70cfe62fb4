#pragma once

#include "dspy/signature/type.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

// What elements are called, and which types they have: for writing and reading alike.

namespace dspy {

constexpr bool begins_tag_name(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_of_tag_name(char c) noexcept {
  return begins_tag_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}
inline bool is_tag_name(std::string_view key) noexcept {
  return !key.empty() && begins_tag_name(key[0]) && std::ranges::all_of(key, is_of_tag_name);
}

/// The type at that position of a list or tuple.
inline const Type& item_type(const Type& type, std::size_t place) noexcept {
  static const auto any = Type::any();
  if (type.kind == Type::Kind::list) return type.arguments[0];
  return place < type.arguments.size() ? type.arguments[place] : any;
}

/// The type of that key of a dict or object.
inline const Type& member_type(const Type& type, std::string_view key) noexcept {
  static const auto any = Type::any();
  if (type.kind == Type::Kind::dict) return type.arguments[1];
  const auto member = std::ranges::find(*type.members, key, &Field::name);
  if (member != type.members->end()) return member->type;
  return type.arguments.empty() ? any : type.arguments[0];
}

/// What is inside an `Optional`, or the object that a reference means, and the objects around that.
inline Scope resolve(const Type& type, const Scope* scope) noexcept {
  const auto& plain = type.required();
  const auto* const found = plain.kind == Type::Kind::reference ? find_object(scope, plain.name) : nullptr;
  return found != nullptr ? *found : Scope{plain, scope};
}

}  // namespace dspy
