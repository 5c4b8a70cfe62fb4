#include "dspy/base/json.hpp"
#include "dspy/server/jobs/job_store.hpp"

#include <array>
#include <chrono>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {
namespace {

constexpr std::array states = {JobState::queued, JobState::running, JobState::waiting,
                               JobState::done,   JobState::failed,  JobState::cancelled};

std::string time_text(std::chrono::system_clock::time_point time) {
  return std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(time));
}

}  // namespace

std::string_view to_string(JobState state) noexcept {
  switch (state) {
    case JobState::queued: return "queued";
    case JobState::running: return "running";
    case JobState::waiting: return "waiting";
    case JobState::done: return "done";
    case JobState::failed: return "failed";
    case JobState::cancelled: return "cancelled";
  }
  std::unreachable();
}

std::optional<JobState> job_state(std::string_view name) noexcept {
  for (const auto state : states) {
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

bool is_over(JobState state) noexcept {
  return state == JobState::done || state == JobState::failed || state == JobState::cancelled;
}

JsonObject to_json(const Job& job) {
  JsonObject out = {{"id", job.id},
                    {"program", job.program},
                    {"state", to_string(job.state)},
                    {"inputs", job.inputs},
                    {"attempts", job.attempts},
                    {"created_at", time_text(job.created_at)},
                    {"updated_at", time_text(job.updated_at)}};
  if (!job.answer.empty()) {
    if (const auto* const outputs = job.answer.if_contains("outputs")) out["outputs"] = *outputs;
    out["answer"] = job.answer;
  }
  if (!job.error.empty()) out["error"] = job.error;
  if (!job.waiting.empty()) out["waiting"] = job.waiting;
  return out;
}

}  // namespace dspy::server
