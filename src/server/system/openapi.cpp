#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/system_api.hpp"
#include "dspy/signature/json_schema.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/program_call.hpp"

#include <cctype>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

/// `{name}:verb` and `{name...}` as OpenAPI has them, and the names.
std::string template_of(std::string_view path, std::vector<std::string>& names) {
  std::string out;
  while (!path.empty()) {
    const auto open = path.find('{');
    out += path.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = path.find('}', open);
    auto name = path.substr(open + 1, close - open - 1);
    if (name.ends_with("...")) name.remove_suffix(3);
    names.emplace_back(name);
    out += std::format("{{{}}}", name);
    path.remove_prefix(close + 1);
  }
  return out;
}

std::string operation_id(const Route& route) {
  std::string out = text::to_lower(route.method);
  for (const char c : route.path) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else if (!out.ends_with('_')) {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out;
}

JsonObject content(std::string_view type, Json schema) {
  return {{"content", JsonObject{{type, JsonObject{{"schema", std::move(schema)}}}}}};
}

/// The schema of what such values have in common: a member may be of the type that it has here, or null.
Json schema_like(const Json& value) {
  if (value.is_null()) return JsonObject{{"type", JsonArray{"string", "null"}}};
  if (value.is_string()) return JsonObject{{"type", "string"}};
  if (!value.is_object()) return JsonObject();
  JsonObject members;
  JsonArray names;
  for (const auto& member : value.get_object()) {
    members[member.key()] = schema_like(member.value());
    names.emplace_back(member.key());
  }
  return JsonObject{{"type", "object"}, {"properties", std::move(members)}, {"required", std::move(names)}};
}

/// As clients of the route's API expect it.
JsonObject error_response_json(const ErrorForm& form = {}) {
  Json schema = JsonObject{{"$ref", "#/components/schemas/Error"}};
  if (form) schema = schema_like(form(Error(Errc::bad_input, "an example"), 400));
  auto out = content("application/json", std::move(schema));
  out["description"] = "What is wrong, with the field and the remedy";
  return out;
}

JsonArray security() {
  return {JsonObject{{"bearer", JsonArray()}}, JsonObject{{"key", JsonArray()}}};
}

JsonObject operation_of(const Route& route, const std::vector<std::string>& names) {
  JsonObject out = {{"operationId", operation_id(route)}, {"summary", route.document.summary}};
  if (!route.document.tag.empty()) out["tags"] = JsonArray{Json(route.document.tag)};
  JsonArray parameters;
  for (const auto& name : names)
    parameters.push_back(
        JsonObject{{"name", name}, {"in", "path"}, {"required", true}, {"schema", JsonObject{{"type", "string"}}}});
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  if (!route.document.request.is_null()) {
    auto body = content("application/json", route.document.request);
    body["required"] = true;
    out["requestBody"] = std::move(body);
  }
  auto good = route.document.streams              ? content("text/event-stream", JsonObject{{"type", "string"}})
              : route.document.response.is_null() ? JsonObject()
                                                  : content("application/json", route.document.response);
  good["description"] = "The answer";
  out["responses"] = JsonObject{{std::to_string(route.document.status), std::move(good)},
                                {"default", error_response_json(route.errors)}};
  if (!route.scope.empty()) out["security"] = security();
  return out;
}

/// The call of one program, with its own fields.
JsonObject program_path(const ServedProgram& program) {
  auto inputs = to_json_schema(program.signature, SchemaDialect::json_schema, Direction::input).schema;
  auto outputs = to_json_schema(program.signature).schema;
  for (auto* const schema : {&inputs, &outputs}) schema->erase("$schema");  // the document has its own
  auto request =
      content("application/json",
              JsonObject{{"type", "object"},
                         {"properties", JsonObject{{"inputs", inputs}, {"options", JsonObject{{"type", "object"}}}}},
                         {"required", JsonArray{"inputs"}}});
  request["required"] = true;
  auto good =
      content("application/json",
              JsonObject{{"type", "object"},
                         {"properties", JsonObject{{"outputs", outputs},
                                                   {"usage", JsonObject{{"type", "object"}}},
                                                   {"version", JsonObject{{"type", "string"}}},
                                                   {"trace_id", JsonObject{{"type", "string"}}},
                                                   {"flags", JsonObject{{"type", "array"}}},
                                                   {"seconds", JsonObject{{"type", "number"}}}}},
                         {"required", JsonArray{"outputs", "usage", "version", "trace_id", "flags", "seconds"}}});
  good["description"] = "The outputs";
  return {
      {"post", JsonObject{{"operationId", "call_" + program.name},
                          {"summary", to_notation(program.signature)},
                          {"description", program.signature.instructions},
                          {"tags", JsonArray{"programs"}},
                          {"requestBody", std::move(request)},
                          {"security", security()},
                          {"responses", JsonObject{{"200", std::move(good)}, {"default", error_response_json()}}}}}};
}

JsonObject components() {
  const JsonObject text = {{"type", "string"}};
  const JsonObject error = {{"type", "object"},
                            {"properties", JsonObject{{"message", text}, {"type", text}, {"field", text}}},
                            {"required", JsonArray{"message", "type"}}};
  return {{"schemas", JsonObject{{"Error", JsonObject{{"type", "object"},
                                                      {"properties", JsonObject{{"error", error}}},
                                                      {"required", JsonArray{"error"}}}}}},
          {"securitySchemes",
           JsonObject{{"bearer", JsonObject{{"type", "http"}, {"scheme", "bearer"}}},
                      {"key", JsonObject{{"type", "apiKey"}, {"in", "header"}, {"name", "x-api-key"}}}}}};
}

}  // namespace

JsonObject openapi_document(const std::vector<std::unique_ptr<const Route>>& routes, const Catalog& catalog) {
  JsonObject paths;
  for (const auto& program : catalog.programs())
    paths[std::format("/v1/programs/{}", program->name)] = program_path(*program);
  for (const auto& route : routes) {
    if (route->document.summary.empty()) continue;
    std::vector<std::string> names;
    const auto path = template_of(route->path, names);
    auto& place = paths[path];
    if (!place.is_object()) place = JsonObject();
    place.as_object()[text::to_lower(route->method)] = operation_of(*route, names);
  }
  return {{"openapi", "3.1.0"},
          {"info", JsonObject{{"title", "dspy serve"}, {"version", dspy::version()}}},
          {"paths", std::move(paths)},
          {"components", components()}};
}

Route openapi_route(const Routes& routes, std::shared_ptr<const Catalog> catalog, ProgramsOptions options) {
  const auto scope = options.scope;
  const auto answer = [](const Routes& all, std::shared_ptr<const Catalog> served,
                         std::shared_ptr<const ProgramsOptions> around, Caller caller) -> Async<HttpResponse> {
    Catalog shown;
    for (const auto& program : served->programs())
      if (may_use(*around, caller, program->name)) shown.put(*program);
    co_return json_response(openapi_document(all.all(), shown));
  };
  return {.path = "/openapi.json",
          .handler = [&routes, answer, catalog = std::move(catalog),
                      around = std::make_shared<const ProgramsOptions>(std::move(options))](
                         HttpRequest request) { return answer(routes, catalog, around, std::move(request.caller)); },
          .scope = scope};
}

}  // namespace dspy::server
