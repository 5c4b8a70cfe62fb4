#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "server/stored/stored.hpp"

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

// Indexes of a workspace are folders `indexes/<name>`, as `dspy index build` makes them.

namespace dspy::server {
namespace {

/// Null if the name is unknown.
std::shared_ptr<Store> open(const ResourceServices& services, const std::string& tenant, const std::string& name) {
  const auto path = services.workspace.path(tenant, "indexes", name, "");
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) return nullptr;
  auto opened = attempt([&] { return open_store(path.string(), {.is_read_only = true, .create = false}); });
  if (!opened) throw damaged("indexes", name, opened.error());
  return *std::move(opened);
}

JsonObject described(const std::string& name, const StoreInfo& info) {
  JsonObject out{{"id", name},
                 {"name", name},
                 {"kind", info.kind},
                 {"dimension", info.dimensions},
                 {"similarity", to_string(info.similarity)}};
  if (info.passages) out["passages"] = *info.passages;
  if (!info.embedder.empty()) out["embedder"] = info.embedder;
  if (!info.damages.empty()) out["damages"] = JsonArray(info.damages.begin(), info.damages.end());
  return out;
}

Async<JsonObject> described(std::shared_ptr<Store> store, std::string name) {
  co_return described(name, co_await store->info());
}

Async<ResourcePage> listed(ResourceServices services, std::vector<ResourceField> fields, ResourceQuery query) {
  std::vector<JsonObject> items;
  for (const auto& entry : services.workspace.list(query.caller.tenant, "indexes", "")) {
    std::string problem;
    try {
      auto store = co_await on_cpu([&] { return open(services, query.caller.tenant, entry.id); });
      if (store) items.push_back(co_await described(std::move(store), entry.id));
    } catch (const Error& error) {
      problem = error.what();
    }
    if (!problem.empty()) items.push_back({{"id", entry.id}, {"name", entry.id}, {"problem", problem}});
  }
  co_return page_of(std::move(items), fields, query);
}

Async<std::optional<JsonObject>> one(ResourceServices services, Caller caller, std::string id) {
  auto store = co_await on_cpu([&] { return open(services, caller.tenant, id); });
  if (!store) co_return std::nullopt;
  co_return co_await described(std::move(store), id);
}

Async<Json> search(ResourceServices services, ActionCall call) {
  constexpr double most = 100;
  const auto k = optional_number(call.inputs, "k").value_or(10);
  if (!(k >= 1 && k <= most)) throw Error(Errc::bad_input, "`k` is 1 to 100", {.invalid = {"k"}});
  auto store = co_await on_cpu([&] { return open(services, call.caller.tenant, call.id); });
  if (!store) throw not_there("indexes", call.id);
  StoreQuery query{.text = text_input(call.inputs, "query"), .k = static_cast<std::size_t>(k)};
  const auto info = co_await store->info();
  std::string searched = "text";
  if (services.embedder && info.dimensions == services.embedder->dimensions()) {
    auto embedded = co_await services.embedder->embed({.texts = {query.text}, .role = EmbedRole::query});
    query.vector = std::move(embedded.vectors.at(0));
    searched = "text and vector";
  }
  JsonArray hits;
  for (const auto& hit : co_await store->search(std::move(query))) hits.push_back(to_json(hit));
  co_return Json{{"hits", std::move(hits)}, {"by", searched}};
}

}  // namespace

Resource indexes_resource(const ResourceServices& services) {
  std::vector<ResourceField> fields = {{.name = "id"},
                                       {.name = "name", .is_sortable = true, .is_searchable = true},
                                       {.name = "passages", .type = "int", .is_sortable = true},
                                       {.name = "dimension", .type = "int"},
                                       {.name = "similarity"},
                                       {.name = "embedder", .is_searchable = true},
                                       {.name = "problem"}};
  return {.name = "indexes",
          .fields = fields,
          .actions = {{.name = "search",
                       .inputs = "query: str, k: Optional[int]",
                       .scope = "indexes:read",
                       .run = [services](ActionCall call) { return search(services, std::move(call)); }}},
          .list = [services, fields](ResourceQuery query) { return listed(services, fields, std::move(query)); },
          .get = [services](Caller caller, std::string id) { return one(services, std::move(caller), std::move(id)); }};
}

}  // namespace dspy::server
