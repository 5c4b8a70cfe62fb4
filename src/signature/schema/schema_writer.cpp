#include "schema_writer.hpp"

#include "dspy/base/text.hpp"
#include "schema_limits.hpp"
#include "schema_recursion.hpp"
#include "signature/types/type_rules.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <set>
#include <utility>

namespace dspy::json_schema {
namespace {

bool is_medium(Type::Kind kind) noexcept {
  return kind == Type::Kind::image || kind == Type::Kind::audio || kind == Type::Kind::file;
}

/// The JSON Schema names of the types of `values`, each once.
Json types_of(const std::vector<Json>& values) {
  JsonArray names;
  for (const auto& value : values) {
    const std::string_view name = value.is_string()   ? "string"
                                  : value.is_bool()   ? "boolean"
                                  : value.is_double() ? "number"
                                                      : "integer";
    if (!std::ranges::contains(names, Json(name))) names.push_back(Json(name));
  }
  return names.size() == 1 ? names[0] : Json(names);
}

class Writer {
 public:
  ExportedSchema take(JsonObject root) && {
    if (!definitions_.empty()) root["$defs"] = std::move(definitions_);
    return {std::move(root), std::move(gaps_)};
  }

  void look_through(const Type& type) { note_recursive(type, recursive_); }

  JsonObject type(const Type& type, const std::string& path) {
    auto out = kind(type, path);
    if (type.limits.is_set()) write_limits(type, path, out, gaps_);
    return out;
  }

  JsonObject object(const std::vector<Field>& members, const Type* other, const std::string& path) {
    JsonObject properties;
    JsonArray required;
    for (const auto& member : members) {
      properties[member.name] = field(member, join_path(path, member.name));
      if (member.is_required()) required.push_back(Json(member.name));
    }
    JsonObject out{{"type", "object"}};
    out["properties"] = std::move(properties);
    if (!required.empty()) out["required"] = std::move(required);
    if (other == nullptr) {
      out["additionalProperties"] = false;
    } else if (other->kind != Type::Kind::any || other->limits.is_set()) {
      out["additionalProperties"] = type(*other, path + ".*");
    }
    return out;
  }

 private:
  void gap(const std::string& path, std::string_view keyword, std::string message) {
    gaps_.push_back({path, std::string(keyword), std::move(message)});
  }

  JsonObject field(const Field& field, const std::string& path) {
    auto out = type(field.type, path);
    if (field.label != text::to_words(field.name)) {
      if (out.contains("title")) {
        gap(path, "label", std::format("the label `{}` has no place: the title is the type's name", field.label));
      } else {
        out["title"] = field.label;
      }
    }
    if (!field.description.empty()) out["description"] = field.description;
    if (field.default_value) out["default"] = *field.default_value;
    for (const auto& validator : field.validators)
      gap(path, validator.name,
          std::format("the validator `{}` is a function, which no schema can hold", validator.name));
    return out;
  }

  JsonObject kind(const Type& type, const std::string& path) {
    switch (type.kind) {
      case Type::Kind::string:
      case Type::Kind::code:
      case Type::Kind::reasoning: return {{"type", "string"}};
      case Type::Kind::integer: return {{"type", "integer"}};
      case Type::Kind::number: return {{"type", "number"}};
      case Type::Kind::boolean: return {{"type", "boolean"}};
      case Type::Kind::null_: return {{"type", "null"}};
      case Type::Kind::any: return {};
      case Type::Kind::literal: return literal(type);
      case Type::Kind::list: {
        JsonObject out{{"type", "array"}};
        out["items"] = this->type(type.arguments[0], path + "[]");
        return out;
      }
      case Type::Kind::tuple: return tuple(type, path);
      case Type::Kind::dict: return dict(type, path);
      case Type::Kind::optional: return alternatives(type.arguments, true, path);
      case Type::Kind::union_: return alternatives(type.arguments, false, path);
      case Type::Kind::object: return named(type, path);
      case Type::Kind::reference: return {{"$ref", std::string(definitions) + key_of(type.name)}};
      case Type::Kind::date: return {{"type", "string"}, {"format", "date"}};
      case Type::Kind::datetime: return {{"type", "string"}, {"format", "date-time"}};
      case Type::Kind::time: return {{"type", "string"}, {"format", "time"}};
      case Type::Kind::duration: return {{"type", "string"}, {"format", "duration"}};
      case Type::Kind::bytes: return {{"type", "string"}, {"contentEncoding", "base64"}};
      default: break;
    }
    if (is_medium(type.kind))
      gap(path, name_of(type.kind),
          std::format("the schema does not say that a {} has exactly one source", name_of(type.kind)));
    return this->type(shape_of(type), path);
  }

  static JsonObject literal(const Type& type) {
    JsonObject out{{"type", types_of(type.choices)}};
    out["enum"] = JsonArray(type.choices.begin(), type.choices.end());
    if (!type.name.empty()) out["title"] = type.name;
    if (!type.labels.empty()) out["x-labels"] = JsonArray(type.labels.begin(), type.labels.end());
    return out;
  }

  JsonObject tuple(const Type& type, const std::string& path) {
    JsonArray items;
    for (std::size_t i = 0; i < type.arguments.size(); ++i)
      items.push_back(this->type(type.arguments[i], std::format("{}[{}]", path, i)));
    const auto count = items.size();
    JsonObject out{{"type", "array"}};
    if (count > 0) out["prefixItems"] = std::move(items);
    out["items"] = false;
    out["minItems"] = count;
    out["maxItems"] = count;
    return out;
  }

  JsonObject dict(const Type& type, const std::string& path) {
    const auto& key = type.arguments[0];
    JsonObject names;
    if (key.kind == Type::Kind::literal) {
      JsonArray words;  // every key of a JSON object is a string
      for (const auto& choice : key.choices) words.push_back(choice.is_string() ? choice : Json(to_text(choice)));
      names["enum"] = std::move(words);
    } else if (key.kind == Type::Kind::integer) {
      names["pattern"] = "^(0|-?[1-9][0-9]*)$";
      for (const auto rule : rules_of(*key.limits))
        gap(path, rule, std::format("the keys' limit `{}` cannot be said of a property's name", rule));
    } else {
      write_limits(key, path, names, gaps_);
    }
    JsonObject out{{"type", "object"}};
    if (!names.empty()) out["propertyNames"] = std::move(names);
    if (auto values = this->type(type.arguments[1], path + ".*"); !values.empty())
      out["additionalProperties"] = std::move(values);
    return out;
  }

  JsonObject alternatives(const std::vector<Type>& types, bool or_null, const std::string& path) {
    JsonArray any_of;
    for (const auto& each : types) {
      auto written = type(each, path);
      auto* const inner = written.if_contains("anyOf");
      if (inner != nullptr && written.size() == 1) {
        for (auto& alternative : inner->get_array()) any_of.push_back(std::move(alternative));
      } else {
        any_of.push_back(std::move(written));
      }
    }
    if (or_null) any_of.push_back(JsonObject{{"type", "null"}});
    JsonObject out;
    out["anyOf"] = std::move(any_of);
    return out;
  }

  JsonObject named(const Type& type, const std::string& path) {
    const Type* const other = type.arguments.empty() ? nullptr : &type.arguments[0];
    if (!recursive_.contains(type.name) || type.name.empty()) {
      auto out = object(*type.members, other, path);
      if (!type.name.empty()) out["title"] = type.name;
      return out;
    }
    const auto key = new_key(type);
    if (!definitions_.contains(key)) {
      definitions_[key] = nullptr;  // reserves its place, so that it is not written again inside itself
      written_.insert({key, {&type, scope_}});
      scope_.emplace_back(type.name, key);
      auto body = object(*type.members, other, key);
      scope_.pop_back();
      definitions_[key] = std::move(body);
    }
    return {{"$ref", std::string(definitions) + key}};
  }

  /// The key of the object if it was written already, else a free one.
  std::string new_key(const Type& type) const {
    const bool closed = is_closed(type);
    auto key = type.name;
    for (int i = 2;; ++i) {
      const auto found = written_.find(key);
      if (found == written_.end()) return key;
      const auto& [other, scope] = found->second;
      if (*other == type && (closed || scope == scope_)) return key;
      key = std::format("{}_{}", type.name, i);
    }
  }

  std::string key_of(const std::string& name) const {
    for (auto i = scope_.size(); i-- > 0;) {
      if (scope_[i].first == name) return scope_[i].second;
    }
    return name;
  }

  using Scope = std::vector<std::pair<std::string, std::string>>;

  JsonObject definitions_;
  std::map<std::string, std::pair<const Type*, Scope>>
      written_;  ///< By key in `$defs`, with the scope they were written in.
  Scope scope_;  ///< The objects around, by name, and their keys.
  std::set<std::string_view> recursive_;
  std::vector<SchemaGap> gaps_;
};

}  // namespace

std::string join_path(std::string_view path, std::string_view member) {
  return path.empty() ? std::string(member) : std::format("{}.{}", path, member);
}

ExportedSchema write(const Type& type) {
  Writer writer;
  writer.look_through(type);
  auto root = writer.type(type, {});
  return std::move(writer).take(std::move(root));
}

ExportedSchema write(const std::vector<Field>& fields) {
  Writer writer;
  for (const auto& field : fields) writer.look_through(field.type);
  auto root = writer.object(fields, nullptr, {});
  return std::move(writer).take(std::move(root));
}

}  // namespace dspy::json_schema
