#include "agents/openapi/operation.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <set>
#include <utility>

namespace dspy::openapi {
namespace {

constexpr std::string_view schema_prefix = "#/components/schemas/";

[[noreturn]] void refuse(const std::string& place, std::string_view complaint) {
  throw Error(Errc::config_error, std::format("the OpenAPI document: {} {}", place, complaint));
}

std::string text_at(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

/// Follows `$ref`s within the document.
const JsonObject& resolved(const Json& document, const Json& value, const std::string& place) {
  const auto* at = &value;
  for (int steps = 0; steps < 16; ++steps) {
    if (!at->is_object()) refuse(place, "must be an object");
    const auto reference = text_at(at->get_object(), "$ref");
    if (reference.empty()) return at->get_object();
    if (!reference.starts_with("#/")) refuse(place, "refers to another document; copy the definition into this one");
    at = find_at(document, std::string_view(reference).substr(1));
    if (at == nullptr) refuse(place, std::format("refers to `{}`, which is not there", reference));
  }
  refuse(place, "refers to itself");
}

/// A schema as JSON Schema 2020-12 has it; `used` gets the names of the schemas that it refers to.
Json converted(const Json& schema, std::set<std::string>& used, const std::string& place) {
  if (schema.is_array()) {
    JsonArray out;
    for (const auto& each : schema.get_array()) out.push_back(converted(each, used, place));
    return out;
  }
  if (!schema.is_object()) return schema;
  JsonObject out;
  for (const auto& [key, value] : schema.get_object()) {
    if (key == "$ref" && value.is_string()) {
      const auto reference = view(value.get_string());
      if (!reference.starts_with(schema_prefix))
        refuse(place, std::format("refers to `{}`; only `{}…` is followed", reference, schema_prefix));
      used.emplace(reference.substr(schema_prefix.size()));
      out["$ref"] = "#/$defs/" + std::string(reference.substr(schema_prefix.size()));
    } else if (key == "nullable" || key == "example" || key == "xml" || key == "externalDocs" ||
               key == "discriminator") {
      continue;
    } else {
      out[key] = key == "enum" || key == "const" || key == "default" ? value : converted(value, used, place);
    }
  }
  // What 3.0 wrote otherwise.
  for (const auto& [limit, exclusive] :
       {std::pair("minimum", "exclusiveMinimum"), std::pair("maximum", "exclusiveMaximum")}) {
    const auto* const flag = out.if_contains(exclusive);
    if (flag == nullptr || !flag->is_bool()) continue;
    const bool is_exclusive = flag->get_bool();
    out.erase(exclusive);
    if (!is_exclusive || !out.contains(limit)) continue;
    out[exclusive] = out[limit];
    out.erase(limit);
  }
  const auto* const nullable = schema.get_object().if_contains("nullable");
  if (nullable != nullptr && *nullable == Json(true)) {
    if (const auto type = text_at(out, "type"); !type.empty()) out["type"] = JsonArray{type, "null"};
  }
  return out;
}

/// The definitions that `used` names, and those that they refer to.
JsonObject definitions(const Json& document, std::set<std::string> used, const std::string& place) {
  JsonObject out;
  while (!used.empty()) {
    const auto name = *used.begin();
    used.erase(used.begin());
    if (out.contains(name)) continue;
    const auto* const schema = find_at(document, "/components/schemas/" + name);
    if (schema == nullptr) refuse(place, std::format("refers to the schema `{}`, which is not there", name));
    out[name] = nullptr;  // known, so that it may refer to itself
    std::set<std::string> more;
    out[name] = converted(*schema, more, place);
    used.merge(more);
  }
  return out;
}

class Builder {
 public:
  Builder(const Json& document, std::string method, std::string path)
      : document_(document), place_(std::format("`{} {}`", method, path)) {
    out_.method = std::move(method);
    out_.path = std::move(path);
  }

  void add_parameters(const JsonObject& from) {
    const auto* const list = from.if_contains("parameters");
    if (list == nullptr) return;
    if (!list->is_array()) refuse(place_, "has `parameters` that are not a list");
    for (const auto& each : list->get_array()) add_parameter(resolved(document_, each, place_));
  }

  Operation build(const JsonObject& operation) {
    if (const auto* const body = operation.if_contains("requestBody")) add_body(resolved(document_, *body, place_));
    auto& definition = out_.definition;
    definition.name = text_at(operation, "operationId");
    if (definition.name.empty()) definition.name = text::to_lower(out_.method) + out_.path;
    for (auto& c : definition.name) {
      const bool is_allowed =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      if (!is_allowed) c = '_';
    }
    definition.description = text_at(operation, "summary");
    if (const auto more = text_at(operation, "description"); !more.empty() && more != definition.description)
      definition.description += (definition.description.empty() ? "" : " ") + more;
    if (definition.description.empty()) definition.description = std::format("{} {}", out_.method, out_.path);
    definition.parameters = {{"type", "object"}, {"properties", std::move(properties_)}};
    if (!required_.empty()) definition.parameters["required"] = std::move(required_);
    definition.parameters["additionalProperties"] = false;
    if (auto schemas = definitions(document_, std::move(used_), place_); !schemas.empty())
      definition.parameters["$defs"] = std::move(schemas);
    return std::move(out_);
  }

 private:
  void add_property(const std::string& name, const Json& schema, bool is_required, const std::string& description) {
    auto property = converted(schema, used_, place_);
    if (!description.empty() && property.is_object() && !property.get_object().contains("description"))
      property.get_object()["description"] = description;
    properties_[name] = std::move(property);
    if (is_required) required_.emplace_back(name);
  }

  void add_parameter(const JsonObject& parameter) {
    const auto name = text_at(parameter, "name"), in = text_at(parameter, "in");
    const auto* const flag = parameter.if_contains("required");
    const bool is_required = flag != nullptr && *flag == Json(true);
    Parameter made{.name = name};
    if (in == "cookie") {
      if (is_required) refuse(place_, std::format("needs the cookie `{}`, which is not supported", name));
      return;
    }
    if (in == "path") {
      made.place = Parameter::Place::path;
    } else if (in == "header") {
      made.place = Parameter::Place::header;
      if (text::equals_ignoring_case(name, "authorization") || text::equals_ignoring_case(name, "content-type") ||
          text::equals_ignoring_case(name, "accept"))
        return;  // not the model's business
    } else if (in != "query") {
      refuse(place_, std::format("has the parameter `{}` in `{}`, which is not a valid location", name, in));
    }
    if (const auto* const explode = parameter.if_contains("explode")) made.is_exploded = *explode != Json(false);
    // The operation's own parameter goes before the path's.
    const auto same = std::ranges::find(out_.parameters, name, &Parameter::name);
    if (same != out_.parameters.end()) {
      if (same->place != made.place) refuse(place_, std::format("has two parameters `{}`; rename one", name));
      const auto [first, last] = std::ranges::remove(required_, Json(name));
      required_.erase(first, last);
      *same = made;
    } else {
      out_.parameters.push_back(made);
    }
    const auto* const schema = parameter.if_contains("schema");
    if (schema == nullptr) refuse(place_, std::format("has the parameter `{}` without a schema", name));
    add_property(name, *schema, is_required || made.place == Parameter::Place::path, text_at(parameter, "description"));
  }

  void add_body(const JsonObject& body) {
    const auto* const content = body.if_contains("content");
    const auto* const json =
        content != nullptr && content->is_object() ? content->get_object().if_contains("application/json") : nullptr;
    if (json == nullptr || !json->is_object() || !json->get_object().contains("schema"))
      refuse(place_, "has a body that is not `application/json` with a schema, which is not supported");
    if (properties_.contains("body"))
      refuse(place_, "has both a request body and a parameter named `body`; rename the parameter");
    const auto* const flag = body.if_contains("required");
    add_property("body", json->get_object().at("schema"), flag != nullptr && *flag == Json(true),
                 text_at(body, "description"));
    out_.has_body = true;
  }

  const Json& document_;
  std::string place_;
  Operation out_;
  JsonObject properties_;
  JsonArray required_;
  std::set<std::string> used_;
};

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("-._~").contains(c);
    if (is_plain) {
      out += c;
    } else {
      out += std::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::string scalar_text(const Json& value, std::string_view name) {
  if (value.is_structured())
    throw Error(Errc::bad_input, std::format("`{}` has a list or an object where a plain value belongs", name));
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

std::string joined(const Json& value, std::string_view name) {
  if (!value.is_array()) return scalar_text(value, name);
  std::string out;
  for (const auto& each : value.get_array()) out += (out.empty() ? "" : ",") + scalar_text(each, name);
  return out;
}

}  // namespace

std::vector<Operation> operations_of(const Json& document) {
  if (!document.is_object() || !text_at(document.get_object(), "openapi").starts_with("3."))
    refuse("its `openapi`", "must be a version 3; convert older documents");
  const auto* const paths = document.get_object().if_contains("paths");
  if (paths == nullptr || !paths->is_object()) refuse("its `paths`", "are missing");
  std::vector<Operation> out;
  for (const auto& [path, written] : paths->get_object()) {
    const auto place = std::format("`{}`", std::string_view(path));
    const auto& item = resolved(document, written, place);
    for (const std::string_view method : {"get", "head", "post", "put", "patch", "delete"}) {
      const auto* const operation = item.if_contains(method);
      if (operation == nullptr) continue;
      std::string upper;
      for (const char c : method) upper += static_cast<char>(c - 'a' + 'A');
      Builder builder(document, upper, std::string(path));
      builder.add_parameters(item);
      const auto& own = resolved(document, *operation, place);
      builder.add_parameters(own);
      out.push_back(builder.build(own));
    }
  }
  return out;
}

Target target_of(const Operation& operation, const JsonObject& arguments) {
  Target out{.path_and_query = operation.path};
  std::string query;
  const auto add_pair = [&](std::string_view name, std::string_view value) {
    query += std::format("{}{}={}", query.empty() ? "?" : "&", percent_encoded(name), percent_encoded(value));
  };
  for (const auto& parameter : operation.parameters) {
    const auto* const value = arguments.if_contains(parameter.name);
    if (value == nullptr || value->is_null()) continue;
    if (parameter.place == Parameter::Place::path) {
      const auto text = joined(*value, parameter.name);
      // Such a step would lead to another place, however it is encoded.
      if (text.empty() || text == "." || text == "..")
        throw Error(Errc::bad_input, std::format("`{}` cannot be empty, `.` or `..`", parameter.name));
      const auto slot = "{" + parameter.name + "}";
      const auto at = out.path_and_query.find(slot);
      if (at != std::string::npos) out.path_and_query.replace(at, slot.size(), percent_encoded(text));
    } else if (parameter.place == Parameter::Place::header) {
      out.headers.emplace_back(parameter.name, joined(*value, parameter.name));
    } else if (value->is_array() && parameter.is_exploded) {
      for (const auto& each : value->get_array()) add_pair(parameter.name, scalar_text(each, parameter.name));
    } else {
      add_pair(parameter.name, joined(*value, parameter.name));
    }
  }
  if (out.path_and_query.contains('{'))
    throw Error(Errc::bad_input, std::format("the path `{}` lacks a value", out.path_and_query));
  out.path_and_query += query;
  return out;
}

}  // namespace dspy::openapi
