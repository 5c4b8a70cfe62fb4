#include "server/resources/resource_routes.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/field.hpp"
#include "server/resources/action_inputs.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Held = std::shared_ptr<const Resource>;

JsonObject to_json(ResourcePage page) {
  JsonArray items;
  for (auto& item : page.items) items.push_back(std::move(item));
  JsonObject out{{"items", std::move(items)}, {"next", page.next.empty() ? Json() : Json(page.next)}};
  if (page.total) out["total"] = *page.total;
  return out;
}

HttpError nothing_there(const std::string& resource, const std::string& id) {
  return {404, Errc::bad_input, std::format("there is no `{}` in {}", id.substr(0, 100), resource)};
}

Async<HttpResponse> list(Held resource, HttpRequest request) {
  co_return json_response(to_json(co_await resource->list(query_of(request))));
}

Async<HttpResponse> show(Held resource, HttpRequest request) {
  auto id = request.parameters.at("id");
  auto found = co_await resource->get(std::move(request.caller), id);
  if (!found) throw nothing_there(resource->name, id);
  co_return json_response(*std::move(found));
}

Async<HttpResponse> list_part(Held resource, std::size_t part, HttpRequest request) {
  co_return json_response(to_json(co_await resource->parts[part].list(request.parameters.at("id"), query_of(request))));
}

Async<HttpResponse> act(Held resource, std::size_t action, std::vector<Field> fields, HttpRequest request) {
  const auto body = request.body.empty() ? JsonObject() : json_body(request);
  ActionCall call{.caller = std::move(request.caller), .inputs = checked_inputs(fields, body)};
  if (const auto id = request.parameters.find("id"); id != request.parameters.end()) call.id = id->second;
  co_return json_response(co_await resource->actions[action].run(std::move(call)));
}

JsonObject any_object() {
  return {{"type", "object"}};
}

JsonObject page_schema() {
  return {{"type", "object"},
          {"properties",
           {{"items", {{"type", "array"}, {"items", any_object()}}},
            {"next", {{"type", {"string", "null"}}}},
            {"total", {{"type", "integer"}}}}},
          {"required", {"items", "next"}}};
}

}  // namespace

ResourceQuery query_of(const HttpRequest& request) {
  constexpr std::size_t most = 1'000;
  ResourceQuery out{.caller = request.caller};
  for (const auto& [name, value] : request.query) {
    if (name == "q") {
      out.text = value;
    } else if (name == "sort") {
      out.descending = value.starts_with('-');
      out.sort = value.substr(out.descending ? 1 : 0);
    } else if (name == "cursor") {
      out.cursor = value;
    } else if (name == "limit") {
      const auto read = std::from_chars(value.data(), value.data() + value.size(), out.limit);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size() || out.limit == 0 || out.limit > most)
        throw Error(Errc::bad_input, std::format("`limit` is a whole number from 1 to {}", most));
    } else {
      out.filters[name] = value;
    }
  }
  return out;
}

Route description_route(JsonObject description) {
  const auto answer = [](std::shared_ptr<const JsonObject> known) -> Async<HttpResponse> {
    co_return json_response(*known);
  };
  return {
      .path = "/api/resources",
      .handler = [answer, known = std::make_shared<const JsonObject>(std::move(description))](
                     const HttpRequest& /*request*/) { return answer(known); },
      .scope = "resources:read",
      .document = {.summary = "The stored resources and their actions", .tag = "resources", .response = any_object()}};
}

std::vector<Route> routes_of(const Held& resource) {
  const auto base = "/api/" + resource->name;
  std::vector<Route> out;
  out.push_back(
      {.path = base,
       .handler = [resource](HttpRequest request) { return list(resource, std::move(request)); },
       .scope = resource->read_scope(),
       .document = {
           .summary = std::format("List {}", resource->name), .tag = resource->name, .response = page_schema()}});
  if (resource->get) {
    out.push_back({.path = base + "/{id}",
                   .handler = [resource](HttpRequest request) { return show(resource, std::move(request)); },
                   .scope = resource->read_scope(),
                   .document = {.summary = std::format("The whole of one of {}", resource->name),
                                .tag = resource->name,
                                .response = any_object()}});
  }
  for (std::size_t i = 0; i < resource->parts.size(); ++i) {
    const auto& part = resource->parts[i];
    out.push_back({.path = std::format("{}/{{id}}/{}", base, part.name),
                   .handler = [resource, i](HttpRequest request) { return list_part(resource, i, std::move(request)); },
                   .scope = resource->read_scope(),
                   .document = {.summary = std::format("The {} of one of {}", part.name, resource->name),
                                .tag = resource->name,
                                .response = page_schema()}});
  }
  for (std::size_t i = 0; i < resource->actions.size(); ++i) {
    const auto& action = resource->actions[i];
    const bool on_one = action.on == ResourceAction::On::one;
    out.push_back(
        {.method = "POST",
         .path = std::format("{}{}/{}", base, on_one ? "/{id}" : "", action.name),
         .handler = [resource, i, fields = action_inputs(action)](
                        HttpRequest request) { return act(resource, i, fields, std::move(request)); },
         .scope = action.scope.empty() ? resource->write_scope() : action.scope,
         .document = {.summary = std::format("{} {}{}", action.name, on_one ? "one of " : "in ", resource->name),
                      .tag = resource->name,
                      .request = inputs_schema(action)}});
  }
  return out;
}

}  // namespace dspy::server
