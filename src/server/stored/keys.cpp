#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "server/keys/key_bounds.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::vector<std::string> texts(const JsonObject& inputs, std::string_view name) {
  std::vector<std::string> out;
  const auto* const value = inputs.if_contains(name);
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& each : value->get_array()) out.emplace_back(view(each.as_string()));
  return out;
}

std::optional<std::uint64_t> count(const JsonObject& inputs, std::string_view name) {
  const auto value = optional_number(inputs, name);
  if (!value) return std::nullopt;
  if (*value < 0 || *value > 9e15)
    throw Error(Errc::bad_input, std::format("`{}` is 0 or more", name), {.invalid = {std::string(name)}});
  return static_cast<std::uint64_t>(*value);
}

std::optional<std::int64_t> dollars(const JsonObject& inputs, std::string_view name) {
  const auto value = optional_number(inputs, name);
  if (!value) return std::nullopt;
  if (!(*value >= 0 && *value < 9e9))
    throw Error(Errc::bad_input, std::format("`{}` is 0 or more", name), {.invalid = {std::string(name)}});
  return std::llround(*value * 1e9);
}

/// The caller's key; empty if the server requires none.
std::optional<Key> holder_of(const ResourceServices& services, const Caller& caller) {
  if (caller.key.empty()) return std::nullopt;
  auto out = services.keys->find(caller.tenant, caller.key);
  if (!out)
    throw HttpError(401, Errc::authentication_failed, "the key of this request no longer exists; use another one");
  return out;
}

/// The key that an action is applied to, which has no more rights than the caller's.
Key require_lesser(const ResourceServices& services, const ActionCall& call) {
  auto key = services.keys->find(call.caller.tenant, call.id);
  if (!key) throw not_there("keys", call.id);
  if (const auto holder = holder_of(services, call.caller)) require_no_more(*key, *holder);
  return *std::move(key);
}

Json shown(const CreatedKey& made) {
  return Json{{"key", to_json(made.key, {})}, {"secret", made.secret.reveal()}};
}

Json create(const ResourceServices& services, const ActionCall& call) {
  const auto& inputs = call.inputs;
  Key wanted{.name = text_input(inputs, "name"),
             .tenant = call.caller.tenant,
             .scopes = texts(inputs, "scopes"),
             .models = texts(inputs, "models"),
             .limits = {.requests_per_minute = count(inputs, "requests_per_minute"),
                        .tokens_per_day = count(inputs, "tokens_per_day"),
                        .tokens_per_month = count(inputs, "tokens_per_month"),
                        .nanodollars_per_day = dollars(inputs, "usd_per_day"),
                        .nanodollars_per_month = dollars(inputs, "usd_per_month")}};
  if (const auto text = optional_text(inputs, "expires_at")) {
    const auto time = parse_iso_time(*text);
    if (!time)
      throw Error(Errc::bad_input, "`expires_at` is a time such as 2027-01-31T00:00:00Z", {.invalid = {"expires_at"}});
    wanted.expires_at = std::chrono::time_point_cast<std::chrono::system_clock::duration>(*time);
  }
  if (const auto maker = holder_of(services, call.caller)) wanted = bounded(std::move(wanted), *maker);
  const auto made = services.keys->create(std::move(wanted));
  tell(services, call.caller.tenant, "keys", made.key.id, "created");
  return shown(made);
}

Json rotate(const ResourceServices& services, const ActionCall& call) {
  require_lesser(services, call);
  constexpr double day = 86'400;
  const auto overlap = optional_number(call.inputs, "overlap_seconds").value_or(day);
  if (!(overlap >= 0 && overlap <= 366 * day))
    throw Error(Errc::bad_input, "`overlap_seconds` is 0 to a year", {.invalid = {"overlap_seconds"}});
  const auto made = services.keys->rotate(call.caller.tenant, call.id, std::chrono::seconds(std::llround(overlap)));
  tell(services, call.caller.tenant, "keys", made.key.id, "created");
  tell(services, call.caller.tenant, "keys", call.id, "updated");
  return shown(made);
}

Json revoke(const ResourceServices& services, const ActionCall& call) {
  require_lesser(services, call);
  services.keys->revoke(call.caller.tenant, call.id);
  tell(services, call.caller.tenant, "keys", call.id, "updated");
  return Json{{"revoked", call.id}};
}

}  // namespace

Resource keys_resource(const ResourceServices& services) {
  const auto with_call = [services](Json (*work)(const ResourceServices&, const ActionCall&)) {
    return [services, work](ActionCall call) {
      return on_cpu([services, work, call = std::move(call)] { return work(services, call); });
    };
  };
  const auto keys = services.keys;
  std::vector<ResourceField> fields = {{.name = "id"},
                                       {.name = "name", .is_sortable = true, .is_searchable = true},
                                       {.name = "tenant"},
                                       {.name = "scopes", .type = "list[str]"},
                                       {.name = "models", .type = "list[str]"},
                                       {.name = "created_at", .type = "datetime", .is_sortable = true},
                                       {.name = "expires_at", .type = "datetime", .is_sortable = true},
                                       {.name = "revoked_at", .type = "datetime", .is_sortable = true},
                                       {.name = "last_used", .type = "datetime", .is_sortable = true},
                                       {.name = "budget", .type = "json"},
                                       {.name = "spent", .type = "json"}};
  return {
      .name = "keys",
      .fields = fields,
      .actions = {{.name = "create",
                   .inputs = "name: str, scopes: list[str], models: Optional[list[str]], expires_at: Optional[str], "
                             "requests_per_minute: Optional[int], tokens_per_day: Optional[int], tokens_per_month: "
                             "Optional[int], usd_per_day: Optional[float], usd_per_month: Optional[float]",
                   .on = ResourceAction::On::all,
                   .run = with_call(create)},
                  {.name = "rotate",
                   .inputs = "overlap_seconds: Optional[float]",
                   .needs_confirmation = true,
                   .run = with_call(rotate)},
                  {.name = "revoke", .needs_confirmation = true, .run = with_call(revoke)}},
      .list =
          [keys, fields](ResourceQuery query) {
            return on_cpu([keys, fields, query = std::move(query)] {
              std::vector<JsonObject> items;
              for (const auto& key : keys->list(query.caller.tenant))
                items.push_back(to_json(key, keys->spending(key)));
              return page_of(std::move(items), fields, query);
            });
          },
      .get =
          [keys](Caller caller, std::string id) {
            return on_cpu([keys, tenant = std::move(caller.tenant), id = std::move(id)]() -> std::optional<JsonObject> {
              const auto key = keys->find(tenant, id);
              return key ? std::optional(to_json(*key, keys->spending(*key))) : std::nullopt;
            });
          }};
}

}  // namespace dspy::server
