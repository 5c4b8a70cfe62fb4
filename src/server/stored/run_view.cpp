#include "server/stored/run_view.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/optimizing/event_log.hpp"
#include "server/stored/checkpoint_view.hpp"
#include "server/stored/files/file_time.hpp"
#include "server/stored/stored.hpp"

#include <cstdint>
#include <filesystem>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;

std::filesystem::path beside(const WorkspaceEntry& entry, std::string_view ending) {
  return entry.path.parent_path() / (entry.id + std::string(ending));
}

bool is_there(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code);
}

JsonObject settings_of(const WorkspaceEntry& entry) {
  auto json = parse_json(read_text(entry.path, most_bytes));
  if (!json || !json->is_object())
    throw Error(Errc::bad_input, std::format("`{}` holds no settings of an optimizer", entry.id));
  return std::move(json->get_object());
}

/// As far as the last event says; a process that was killed, and thus interrupted its runs, says nothing.
std::string state_of(const WorkspaceEntry& entry, const std::vector<JsonObject>& events, bool is_running) {
  if (is_running) return "running";
  // By another process that has the checkpoint open.
  if (const auto checkpoint = beside(entry, ".jsonl"); is_there(checkpoint) && is_held(checkpoint)) return "running";
  if (events.empty() || optional_text(events.back(), "kind") != "ended") return "interrupted";
  return optional_text(events.back(), "state").value_or("stopped");
}

JsonObject spent_of(const JsonObject& event) {
  JsonObject out;
  for (const auto* const name : {"requests", "tokens", "cost"}) {
    if (const auto* const value = event.if_contains(name)) out[name] = *value;
  }
  return out;
}

/// The best score whenever a program was measured in full.
JsonArray points_of(const std::vector<JsonObject>& events) {
  JsonArray out;
  for (const auto& event : events) {
    const auto* const best = event.if_contains("best");
    if (optional_text(event, "kind") != "evaluated" || best == nullptr) continue;
    JsonObject point{{"score", *best}, {"cost", event.at("requests")}};
    for (const auto* const name : {"requests", "tokens", "seconds"}) {
      if (const auto* const value = event.if_contains(name)) point[name] = *value;
    }
    out.push_back(std::move(point));
  }
  return out;
}

JsonArray candidates_of(const std::vector<JsonObject>& events) {
  std::map<std::int64_t, JsonObject> found;
  for (const auto& event : events) {
    const auto number = optional_number(event, "candidate");
    if (!number) continue;
    const auto id = static_cast<std::int64_t>(*number);
    auto& candidate = found.try_emplace(id, JsonObject{{"id", id}}).first->second;
    const auto kind = optional_text(event, "kind");
    if (const auto* const text = event.if_contains("text"); text != nullptr && kind == "candidate")
      candidate["origin"] = *text;
    if (const auto* const score = event.if_contains("score"); score != nullptr && kind == "evaluated")
      candidate["score"] = *score;
  }
  JsonArray out;
  for (auto& [id, candidate] : found) out.push_back(std::move(candidate));
  return out;
}

JsonObject summary_of(const WorkspaceEntry& entry, const std::vector<JsonObject>& events, bool is_running) {
  auto out = settings_of(entry);
  out["id"] = entry.id;
  const auto state = state_of(entry, events, is_running);
  out["state"] = state;
  if (state == "interrupted" || state == "stopped")
    out["resume"] = std::format("/api/optimizations/{}/resume", entry.id);
  JsonObject spent;
  for (const auto& event : events) {
    if (const auto* const best = event.if_contains("best")) out["best"] = *best;
    if (event.contains("requests")) spent = spent_of(event);
  }
  if (!spent.empty()) out["spent"] = std::move(spent);
  if (!events.empty()) {
    if (const auto error = optional_text(events.back(), "error")) out["error"] = *error;
  }
  out["changed_at"] = changed_at(is_there(beside(entry, ".events")) ? beside(entry, ".events") : entry.path);
  return out;
}

}  // namespace

JsonObject run_summary(const WorkspaceEntry& settings, bool is_running) {
  const auto events = read_events(beside(settings, ".events"));
  auto out = summary_of(settings, events, is_running);
  out["candidate_count"] = candidates_of(events).size();
  return out;
}

JsonObject run_view(const WorkspaceEntry& settings, bool is_running) {
  const auto events = read_events(beside(settings, ".events"));
  auto out = summary_of(settings, events, is_running);
  out["points"] = points_of(events);
  out["candidates"] = candidates_of(events);
  return out;
}

}  // namespace dspy::server
