#include "agents/tools/arguments.hpp"

#include "adapters/coercion/coerce.hpp"
#include "adapters/coercion/repairs.hpp"
#include "adapters/json/lenient_json.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/json_schema.hpp"
#include "signature/fit/fit.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string words_of(const Type& type) {
  const auto& members = *type.members;
  if (members.empty()) return "no arguments";
  std::string out;
  for (const auto& member : members) {
    if (!out.empty()) out += ", ";
    out += std::format("`{}` ({}{})", member.name, annotation_name(member.type),
                       member.is_required() ? "" : ", may be left out");
  }
  return out;
}

std::unexpected<Violations> one(std::string_view rule, std::string message) {
  return std::unexpected(
      Violations{{.path = {}, .rule = std::string(rule), .value = {}, .message = std::move(message)}});
}

/// The names that the object does not have.
Violations unknown_members(const Type& type, const JsonObject& given) {
  Violations found;
  if (!type.arguments.empty()) return found;  // it takes any others
  for (const auto& [key, value] : given) {
    if (std::ranges::contains(*type.members, std::string_view(key), &Field::name)) continue;
    std::vector<std::string> names;
    for (const auto& member : *type.members) names.push_back(member.name);
    const auto meant = text::nearest(key, names);
    found.push_back(
        {path_of(key), "unknown", value_at_fault(value),
         meant ? std::format("is not an argument; is `{}` meant?", *meant) : "is not an argument; leave it out"});
  }
  return found;
}

}  // namespace

ToolArguments::ToolArguments(Type type) {
  if (type.kind != Type::Kind::object)
    throw Error(Errc::invalid_parameter, "the arguments of a tool are an object: a struct with a member for each");
  validate(type);
  words_ = words_of(type);
  type_ = std::move(type);
}

ToolArguments::ToolArguments(const JsonObject& schema) : validator_(SchemaValidator(Json(schema))) {
  words_ = std::format("an object that keeps this JSON Schema: {}", to_text(Json(schema)));
  const auto imported = attempt([&] { return from_json_schema(Json(schema), {.allow_unsupported = true}); });
  if (!imported || imported->type.kind != Type::Kind::object) return;
  words_ = words_of(imported->type);
  type_ = imported->type;
  is_exact_ = imported->gaps.empty();
}

std::expected<JsonObject, Violations> ToolArguments::checked(Json given) const {
  if (given.is_string()) {
    const auto text = text::trim(view(given.get_string()));
    if (text.empty()) {
      given = JsonObject();
    } else {
      auto read = read_lenient_json(text);
      if (!read) return one("type", std::format("is not JSON: {}", read.error().message));
      if (!text::trim(text.substr(read->end)).empty()) return one("type", "has text after its JSON; write one object");
      given = std::move(read->value);
    }
  }
  if (given.is_null()) given = JsonObject();
  if (!given.is_object()) return one("type", std::format("is {}, not an object with the arguments", kind_of(given)));
  return coerced(std::move(given.get_object()));
}

std::expected<JsonObject, Violations> ToolArguments::validated(JsonObject given) const {
  Json value(std::move(given));
  if (auto violations = validator_->check(value); !violations.empty()) return std::unexpected(std::move(violations));
  return std::move(value.get_object());
}

std::expected<JsonObject, Violations> ToolArguments::coerced(JsonObject given) const {
  std::vector<Flag> flags;
  if (!type_) return validated(std::move(given));
  // Where one is missing, another one that is not known may be it, misspelt, even if others are allowed.
  const bool lacks = std::ranges::any_of(
      *type_->members, [&](const Field& member) { return member.is_required() && !given.contains(member.name); });
  if (lacks) {
    auto closed = *type_;
    closed.arguments.clear();
    if (auto unknown = unknown_members(closed, given); !unknown.empty()) return std::unexpected(std::move(unknown));
  }
  if (!is_exact_) {
    // The type may add values that the schema does not allow, such as null: valid arguments stay unchanged.
    if (auto as_it_is = validated(given)) return as_it_is;
    // What the type makes of a value is taken where it can, and the schema alone decides.
    for (const auto& member : *type_->members) {
      auto* const value = given.if_contains(member.name);
      if (value == nullptr) continue;
      Repairs repairs(flags, member.name);
      if (auto read = coerce(member, Json(*value), repairs)) *value = *std::move(read);
    }
    return validated(std::move(given));
  }
  if (auto unknown = unknown_members(*type_, given); !unknown.empty()) return std::unexpected(std::move(unknown));
  Violations violations;
  for (const auto& member : *type_->members) {
    auto* const value = given.if_contains(member.name);
    if (value == nullptr) {
      if (member.default_value) {
        given[member.name] = *member.default_value;
      } else if (member.is_required()) {
        violations.push_back({path_of(member.name), "missing", nullptr, "is missing"});
      }
      continue;
    }
    Repairs repairs(flags, member.name);
    auto read = coerce(member, std::move(*value), repairs);
    if (read) {
      *value = *std::move(read);
    } else {
      std::ranges::move(read.error().violations, std::back_inserter(violations));
    }
  }
  if (!violations.empty()) return std::unexpected(std::move(violations));
  return validator_ ? validated(std::move(given)) : std::expected<JsonObject, Violations>(std::move(given));
}

}  // namespace dspy
