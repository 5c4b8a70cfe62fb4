#include "fit_unions.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <vector>

namespace dspy {
namespace {

/// True if the value has the JSON kind of the type, so that its violations are worth reporting.
bool is_alike(const Type& type, const Json& value, const Scope* scope) {
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
    case Type::Kind::time:
    case Type::Kind::duration:
    case Type::Kind::bytes:
    case Type::Kind::code:
    case Type::Kind::reasoning: return value.is_string();
    default: return value.is_object();
  }
}

}  // namespace

const Type* alternative_like(const Type& union_type, const Json& value, const Scope* scope) {
  const Type* alike = nullptr;
  for (const auto& each : union_type.arguments) {
    if (!is_alike(each, value, scope)) continue;
    if (alike != nullptr) return nullptr;
    alike = &each;
  }
  return alike;
}

std::string fits_none_of(const Type& union_type, const Json& value) {
  std::vector<std::string> names;
  names.reserve(union_type.arguments.size());
  for (const auto& each : union_type.arguments) names.push_back(std::format("`{}`", annotation_name(each)));
  return std::format("is {}, which fits none of {}", kind_of(value), text::enumerate(names));
}

}  // namespace dspy
