#include "server/stored/stored.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"

#include <format>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

ResourceTable standard_resources(const ResourceServices& services) {
  ResourceTable table;
  table.add(programs_resource(services));
  table.add(runs_resource(services));
  if (services.traces) {
    table.add(traces_resource(services));
    table.add(feedback_resource(services));
  }
  table.add(datasets_resource(services));
  table.add(experiments_resource(services));
  table.add(optimizations_resource(services));
  table.add(indexes_resource(services));
  table.add(agents_resource(services));
  if (services.keys) table.add(keys_resource(services));
  if (services.jobs.list) table.add(jobs_resource(services));
  return table;
}

HttpError not_there(std::string_view resource, std::string_view id) {
  return {404, Errc::bad_input, std::format("there is no `{}` in {}", id.substr(0, 100), resource)};
}

void require_scope(const Caller& caller, std::string_view scope) {
  if (caller.key.empty() || may(caller, scope)) return;
  throw HttpError(403, Errc::authentication_failed,
                  std::format("this key may not do that; it needs the scope `{}` as well", scope));
}

HttpError damaged(std::string_view resource, std::string_view id, const Error& why) {
  log(LogLevel::warning, "server", std::format("`{}` in {} cannot be shown: {}", id, resource, why.what()));
  return {
      409, Errc::config_error,
      std::format("`{}` in {} is damaged or of another kind; the server's log says more", id.substr(0, 100), resource)};
}

void tell(const ResourceServices& services, std::string_view tenant, std::string_view resource, std::string_view id,
          std::string_view change) {
  if (!services.on_change) return;
  const auto told = attempt([&] { services.on_change(tenant, resource, id, change); });
  if (!told) log(LogLevel::warning, "server", std::format("a change could not be announced: {}", told.error().what()));
}

std::string text_input(const JsonObject& inputs, std::string_view name) {
  return std::string(view(inputs.at(name).as_string()));
}

std::optional<std::string> optional_text(const JsonObject& inputs, std::string_view name) {
  const auto* const value = inputs.if_contains(name);
  return value != nullptr && value->is_string() ? std::optional(std::string(view(value->get_string()))) : std::nullopt;
}

std::optional<double> optional_number(const JsonObject& inputs, std::string_view name) {
  const auto* const value = inputs.if_contains(name);
  return value != nullptr && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

}  // namespace dspy::server
