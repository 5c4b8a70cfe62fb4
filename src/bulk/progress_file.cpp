#include "bulk/progress_file.hpp"

#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

namespace dspy::bulk {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{1} << 16;

std::uint64_t count(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_int64() && value->get_int64() >= 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

}  // namespace

std::string_view to_string(ShardState state) noexcept {
  switch (state) {
    case ShardState::running: return "running";
    case ShardState::stopped: return "stopped";
    case ShardState::complete: return "complete";
  }
  return {};
}

void write_progress(const std::filesystem::path& folder, const BulkProgress& progress, ShardState state,
                    const Clock& clock) noexcept {
  try {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
    replace_file(folder / "progress.json", to_text(JsonObject{{"state", to_string(state)},
                                                              {"rows", progress.rows},
                                                              {"resumed", progress.resumed},
                                                              {"failed", progress.failed},
                                                              {"again", progress.again},
                                                              {"usage", to_json(progress.usage)},
                                                              {"seconds", progress.seconds},
                                                              {"updated", now}}) +
                                               "\n");
  } catch (const std::exception&) {
    return;  // the rows contain the same, and their errors are reported
  }
}

std::optional<ShardProgress> read_progress(const std::filesystem::path& folder) {
  std::error_code code;
  const auto path = folder / "progress.json";
  if (!std::filesystem::exists(path, code)) return std::nullopt;
  const auto json = parse_json(read_text(path, longest));
  if (!json || !json->is_object()) return std::nullopt;
  const auto& from = json->get_object();
  ShardProgress out;
  const auto* const state = from.if_contains("state");
  if (state == nullptr || !state->is_string()) return std::nullopt;
  out.state = state->get_string() == "complete"  ? ShardState::complete
              : state->get_string() == "stopped" ? ShardState::stopped
                                                 : ShardState::running;
  out.progress = {.rows = count(from, "rows"),
                  .resumed = count(from, "resumed"),
                  .failed = count(from, "failed"),
                  .again = count(from, "again")};
  if (const auto* const usage = from.if_contains("usage"); usage != nullptr && usage->is_object())
    out.progress.usage = usage_from_json(usage->get_object());
  if (const auto* const seconds = from.if_contains("seconds"); seconds != nullptr && seconds->is_number())
    out.progress.seconds = seconds->to_number<double>();
  out.updated = static_cast<std::int64_t>(count(from, "updated"));
  return out;
}

}  // namespace dspy::bulk
