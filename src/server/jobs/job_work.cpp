#include "server/jobs/job_work.hpp"

#include "dspy/agents/agent_event.hpp"
#include "dspy/agents/approval.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "server/programs/program_call.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

JsonObject call_json(const AgentCall& call) {
  return {{"call", call.id}, {"tool", call.tool}, {"arguments", call.arguments}};
}

std::map<std::string, Verdict, std::less<>> verdicts_of(const JsonObject& decisions) {
  std::map<std::string, Verdict, std::less<>> out;
  for (const auto& [call, decision] : decisions) {
    const auto& said = decision.as_object();
    const auto* const note = said.if_contains("note");
    out[std::string(call)] =
        view(said.at("decision").as_string()) == "allow"
            ? Verdict::approve()
            : Verdict::deny(note == nullptr ? "a person denied this call" : std::string(view(note->as_string())));
  }
  return out;
}

/// Calls that were begun when the process ended, may not be made twice without anybody's consent, and have none.
JsonArray begun_calls(const std::vector<AgentEvent>& events, const Tools& tools, const JsonObject& decisions) {
  JsonArray out;
  for (const auto& event : events) {
    if (event.kind != AgentEvent::Kind::turn) continue;
    for (const auto& call : event.calls) {
      if (decisions.contains(call.id)) continue;
      const auto has = [&](AgentEvent::Kind kind) {
        return std::ranges::any_of(
            events, [&](const AgentEvent& other) { return other.kind == kind && other.call == call.id; });
      };
      const auto* const tool = tools.find(call.tool);
      if (has(AgentEvent::Kind::started) && !has(AgentEvent::Kind::finished) && tool != nullptr &&
          !tool->options().idempotent)
        out.emplace_back(call_json(call));
    }
  }
  return out;
}

/// The events of a run that was begun; none if there is no journal, or nothing whole in it.
std::vector<AgentEvent> begun_run(const std::filesystem::path& journal) {
  std::error_code code;
  if (!std::filesystem::exists(journal, code)) return {};
  auto events = read_journal(journal).events;
  if (events.empty()) std::filesystem::remove(journal, code);
  return events;
}

Async<Job> run_agent(JobWork work, Job job) {
  const auto events = begun_run(work.journal);
  auto decisions = verdicts_of(job.decisions);
  auto open = begun_calls(events, work.agent->tools(), job.decisions);
  if (!open.empty()) {
    job.waiting = std::move(open);
    job.state = JobState::waiting;
    co_return job;
  }
  const auto begun = std::chrono::steady_clock::now();
  auto call = prepare(*work.context, {.program = job.program, .caller = job.caller, .unit = job.id, .stop = work.stop},
                      job.inputs, job.options);
  // The agent with what stands around the call: trace and budget are in its predictors' contexts.
  std::optional<CallContext> around;
  call.program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    if (!around && predictor.context() != nullptr) around = *predictor.context();
  });
  auto agent = *work.agent;
  if (around) {
    around->path.clear();
    agent = with_context(std::move(agent), *around);
  }
  AgentRunOptions options{.journal = work.journal, .decisions = std::move(decisions), .call = {.stop = work.stop}};
  auto outcome = events.empty() ? co_await agent.astart(std::move(call.inputs), std::move(options))
                                : co_await agent.aresume(std::move(options));
  if (!outcome.is_done()) {
    job.waiting.clear();
    for (const auto& waits : outcome.waiting) job.waiting.emplace_back(call_json(waits));
    job.state = JobState::waiting;
    co_return job;
  }
  job.answer = answer_json(call, outcome.prediction, std::chrono::steady_clock::now() - begun);
  job.state = JobState::done;
  co_return job;
}

Async<Job> run_program(JobWork work, Job job) {
  auto call = prepare(*work.context, {.program = job.program, .caller = job.caller, .unit = job.id, .stop = work.stop},
                      job.inputs, job.options);
  job.answer = co_await run_call(std::move(call), std::move(work.sink));
  job.state = JobState::done;
  co_return job;
}

}  // namespace

Async<Job> work_on(JobWork work, Job job) {
  return work.agent ? run_agent(std::move(work), std::move(job)) : run_program(std::move(work), std::move(job));
}

}  // namespace dspy::server
