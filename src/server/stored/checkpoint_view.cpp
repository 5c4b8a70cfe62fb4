#include "server/stored/checkpoint_view.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/stored/files/file_time.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

const JsonObject* object_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

}  // namespace

bool is_held(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool is_free = ::flock(file, LOCK_SH | LOCK_NB) == 0;
  ::close(file);
  return !is_free;
}

JsonObject checkpoint_view(const WorkspaceEntry& entry) {
  std::ifstream file(entry.path, std::ios::binary);
  JsonObject out{{"id", entry.id}, {"state", is_held(entry.path) ? "running" : "stopped"}};
  Usage usage;
  std::size_t rollouts = 0;
  std::size_t scores = 0;
  bool has_run = false;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    const auto json = parse_json(line);
    if (!json || !json->is_object()) continue;  // the optimizer leaves it out, too
    const auto& record = json->get_object();
    const auto* const kind = record.if_contains("kind");
    if (kind == nullptr || !kind->is_string()) continue;
    if (const auto* const run = object_at(record, "run"); run != nullptr && kind->get_string() == "run") {
      has_run = true;
      for (const auto* const name : {"optimizer", "options", "metric"}) {
        if (const auto* const value = run->if_contains(name)) out[name] = *value;
      }
    }
    if (kind->get_string() == "rollout") ++rollouts;
    if (kind->get_string() == "score") ++scores;
    if (const auto* const rollout = object_at(record, "rollout")) {
      if (const auto* const counted = object_at(*rollout, "usage")) {
        if (const auto read = attempt([&] { return usage_from_json(*counted); })) usage += *read;
      }
    }
  }
  if (!has_run) throw Error(Errc::bad_input, std::format("`{}` is not a checkpoint of an optimizer", entry.id));
  out["rollouts"] = rollouts;
  out["scores"] = scores;
  JsonObject spent{{"requests", usage.requests}};
  if (usage.prompt_tokens) spent["prompt_tokens"] = *usage.prompt_tokens;
  if (usage.completion_tokens) spent["completion_tokens"] = *usage.completion_tokens;
  if (usage.cost_nanodollars) spent["cost"] = static_cast<double>(*usage.cost_nanodollars) / 1e9;
  out["spent"] = std::move(spent);
  out["changed_at"] = changed_at(entry.path);
  return out;
}

}  // namespace dspy::server
