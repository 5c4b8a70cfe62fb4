#include "dspy/agents/agent_event.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/trajectory.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/stored/files/file_cache.hpp"
#include "server/stored/stored.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

// Runs of agents are their journals, `agents/<run>.jsonl`.

namespace dspy::server {
namespace {

std::string time_of(std::int64_t milliseconds) {
  return iso_time(std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds)));
}

/// Calls of the last turn without a decision that were not started: those that may be waiting for a person.
JsonArray waiting_in(const std::vector<AgentEvent>& events) {
  std::vector<AgentCall> open;
  std::set<std::string> settled;
  for (const auto& event : events) {
    if (event.kind == AgentEvent::Kind::turn) open = event.calls;
    if (event.kind == AgentEvent::Kind::ended || event.kind == AgentEvent::Kind::done) open.clear();
    if (!event.call.empty()) settled.insert(event.call);
  }
  JsonArray out;
  for (const auto& call : open) {
    if (!settled.contains(call.id))
      out.push_back(JsonObject{{"call", call.id}, {"tool", call.tool}, {"arguments", call.arguments}});
  }
  return out;
}

JsonObject summary_of(const std::string& id, const std::vector<AgentEvent>& events) {
  JsonObject out{{"id", id}};
  if (events.empty()) return out;
  std::size_t turns = 0;
  Usage usage;
  for (const auto& event : events) {
    if (event.kind == AgentEvent::Kind::turn) ++turns;
    usage += event.usage;
    if (event.kind == AgentEvent::Kind::done) out["outputs"] = event.outputs;
  }
  auto waiting = waiting_in(events);
  const bool is_done = events.back().kind == AgentEvent::Kind::done;
  out["agent"] = events.front().agent;
  out["inputs"] = events.front().inputs;
  out["state"] = is_done ? "done" : !waiting.empty() ? "waiting" : "open";
  out["turns"] = turns;
  out["waiting"] = std::move(waiting);
  out["usage"] = to_json(usage);
  out["started_at"] = time_of(events.front().at);
  out["changed_at"] = time_of(events.back().at);
  return out;
}

using JobStates = std::map<std::string, std::string, std::less<>>;

/// How jobs ended without the end of their agents' runs, which journals do not say: by id.
Async<JobStates> ended_jobs(JobSource jobs, std::string tenant) {
  JobStates out;
  if (!jobs.list) co_return out;
  for (const auto& job : co_await jobs.list({.tenant = std::move(tenant)})) {
    const auto state = optional_text(job, "state").value_or("");
    if (state == "cancelled" || state == "failed") out[optional_text(job, "id").value_or("")] = state;
  }
  co_return out;
}

void set_state(JsonObject& run, const JobStates& ended) {
  const auto found = ended.find(optional_text(run, "id").value_or(""));
  if (found == ended.end() || optional_text(run, "state") == "done") return;
  run["state"] = found->second;
  run["waiting"] = JsonArray();
}

JsonObject whole_of(const WorkspaceEntry& entry) {
  const auto read = attempt([&] { return read_journal(entry.path); });
  if (!read) throw damaged("agents", entry.id, read.error());
  const auto& events = read->events;
  auto out = summary_of(entry.id, events);
  out["transcript"] = transcript(events);
  JsonArray list;
  for (const auto& event : events) list.push_back(to_json(event));
  out["events"] = std::move(list);
  return out;
}

Async<ResourcePage> listed(ResourceServices services, std::vector<ResourceField> fields,
                           std::shared_ptr<FileCache> known, ResourceQuery query) {
  const auto ended = co_await ended_jobs(services.jobs, query.caller.tenant);
  co_return co_await on_cpu([&] {
    auto items = known->all(services.workspace.list(query.caller.tenant, "agents", ".jsonl"));
    for (auto& item : items) set_state(item, ended);
    return page_of(std::move(items), fields, query);
  });
}

Async<std::optional<JsonObject>> found(ResourceServices services, std::string tenant, std::string id) {
  const auto ended = co_await ended_jobs(services.jobs, tenant);
  co_return co_await on_cpu([&]() -> std::optional<JsonObject> {
    const auto path = services.workspace.path(tenant, "agents", id, ".jsonl");
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
    auto out = whole_of({.id = id, .path = path});
    set_state(out, ended);
    return out;
  });
}

}  // namespace

Resource agents_resource(const ResourceServices& services) {
  std::vector<ResourceField> fields = {
      {.name = "id", .is_sortable = true, .is_searchable = true},
      {.name = "agent", .is_sortable = true, .is_searchable = true},
      {.name = "state", .type = "Literal['open', 'waiting', 'done', 'cancelled', 'failed']", .is_sortable = true},
      {.name = "turns", .type = "int", .is_sortable = true},
      {.name = "inputs", .type = "json", .is_searchable = true},
      {.name = "outputs", .type = "json", .is_searchable = true},
      {.name = "waiting", .type = "json"},
      {.name = "started_at", .type = "datetime", .is_sortable = true},
      {.name = "changed_at", .type = "datetime", .is_sortable = true},
      {.name = "problem"}};
  const auto known = std::make_shared<FileCache>(
      [](const WorkspaceEntry& entry) { return summary_of(entry.id, read_journal(entry.path).events); });
  return {.name = "agents",
          .title = "Runs of agents",
          .fields = fields,
          .list = [services, fields,
                   known](ResourceQuery query) { return listed(services, fields, known, std::move(query)); },
          .get = [services](Caller caller,
                            std::string id) { return found(services, std::move(caller.tenant), std::move(id)); }};
}

}  // namespace dspy::server
