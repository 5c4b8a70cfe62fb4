#include "dspy/server/resources/resource_table.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/routes.hpp"
#include "server/resources/action_inputs.hpp"
#include "server/resources/resource_routes.hpp"

#include <algorithm>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

[[noreturn]] void refuse(const Resource& resource, const std::string& why) {
  throw Error(Errc::invalid_parameter, std::format("the resource `{}` cannot be served: {}", resource.name, why));
}

void check(const Resource& resource) {
  if (!is_name(resource.name)) refuse(resource, "its name is lower-case letters and `_`");
  if (resource.name == "resources" || resource.name == "system" || resource.name == "events")
    refuse(resource, "the API uses this name itself");
  if (!resource.list) refuse(resource, "it has no `list`");
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(resource.fields, [&](const ResourceField& field) { return field.name == name; });
  };
  for (const auto& relation : resource.relations) {
    if (!has(relation.field)) refuse(resource, std::format("its relation `{}` is not a field", relation.field));
  }
  std::vector<std::string> names;
  for (const auto& action : resource.actions) {
    if (!is_name(action.name) || !action.run) refuse(resource, std::format("its action `{}` cannot run", action.name));
    names.push_back(std::format("{}{}", action.on == ResourceAction::On::one ? "one " : "all ", action.name));
    action_inputs(action);
  }
  for (const auto& part : resource.parts) {
    if (!is_name(part.name) || !part.list) refuse(resource, std::format("its part `{}` has no list", part.name));
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) refuse(resource, "two of its actions have one name");
}

std::string title_of(const std::string& title, const std::string& name) {
  return title.empty() ? text::to_words(name) : title;
}

JsonObject described(const ResourceAction& action, const Resource& resource) {
  return {{"name", action.name},
          {"title", title_of(action.title, action.name)},
          {"method", "POST"},
          {"on", action.on == ResourceAction::On::one ? "one" : "all"},
          {"inputs", inputs_as_json(action)},
          {"confirm", action.needs_confirmation},
          {"scope", action.scope.empty() ? resource.write_scope() : action.scope}};
}

JsonObject described(const Resource& resource) {
  JsonArray fields;
  for (const auto& field : resource.fields) {
    fields.push_back(JsonObject{{"name", field.name},
                                {"type", field.type},
                                {"title", title_of(field.title, field.name)},
                                {"sortable", field.is_sortable},
                                {"searchable", field.is_searchable}});
  }
  JsonArray relations;
  for (const auto& each : resource.relations) relations.push_back(JsonObject{{"field", each.field}, {"to", each.to}});
  JsonArray actions;
  for (const auto& action : resource.actions) actions.push_back(described(action, resource));
  JsonArray parts;
  for (const auto& part : resource.parts) parts.push_back(JsonString(part.name));
  return {{"name", resource.name},
          {"title", title_of(resource.title, resource.name)},
          {"scope", resource.read_scope()},
          {"fields", std::move(fields)},
          {"relations", std::move(relations)},
          {"actions", std::move(actions)},
          {"parts", std::move(parts)}};
}

}  // namespace

void ResourceTable::add(Resource resource) {
  check(resource);
  if (std::ranges::any_of(resources_, [&](const auto& each) { return each->name == resource.name; }))
    refuse(resource, "there is one of that name");
  resources_.push_back(std::make_shared<const Resource>(std::move(resource)));
}

const Resource& ResourceTable::at(std::string_view name) const {
  const auto found = std::ranges::find_if(resources_, [&](const auto& each) { return each->name == name; });
  if (found != resources_.end()) return **found;
  std::vector<std::string> names;
  for (const auto& each : resources_) names.push_back(each->name);
  throw HttpError(
      404, Errc::bad_input,
      std::format("there is no resource `{}`; there are {}", name.substr(0, 64), text::enumerate(names, "", "and")));
}

JsonObject ResourceTable::describe() const {
  JsonArray out;
  for (const auto& resource : resources_) out.push_back(described(*resource));
  return {{"resources", std::move(out)}};
}

std::vector<Route> ResourceTable::routes() const {
  std::vector<Route> out;
  out.push_back(description_route(describe()));
  for (const auto& resource : resources_) {
    auto some = routes_of(resource);
    std::ranges::move(some, std::back_inserter(out));
  }
  return out;
}

std::vector<std::string> ResourceTable::scopes() const {
  std::vector<std::string> out;
  for (const auto& route : routes()) out.push_back(route.scope);
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

}  // namespace dspy::server
