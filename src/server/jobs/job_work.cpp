#include "server/jobs/job_work.hpp"

#include "dspy/agents/agent_event.hpp"
#include "dspy/agents/approval.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/signature/prediction.hpp"
#include "server/programs/program_call.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <format>
#include <functional>
#include <map>
#include <memory>
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
    const auto words = note == nullptr ? std::string() : std::string(view(note->as_string()));
    out[std::string(call)] = view(said.at("decision").as_string()) == "allow"
                                 ? Verdict{.kind = Verdict::Kind::approve, .words = words}
                                 : Verdict::deny(words.empty() ? "a person denied this call" : words);
  }
  return out;
}

/// Calls that were running when the process ended, need consent to be repeated, and have none.
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

/// The events of a started run; none if there is no journal, or nothing complete in it.
std::vector<AgentEvent> begun_run(const std::filesystem::path& journal) {
  std::error_code code;
  if (!std::filesystem::exists(journal, code)) return {};
  auto events = read_journal(journal).events;
  if (events.empty()) std::filesystem::remove(journal, code);
  return events;
}

/// The span of a run as a whole, as `Program::run` tells it.  A run that waits for a person, or fails, ends it without
/// a prediction.
class RootSpan {
 public:
  RootSpan(const std::map<std::string, Predictor, std::less<>>& predictors, JsonObject inputs)
      : inputs_(std::move(inputs)), begun_(std::chrono::steady_clock::now()) {
    for (const auto& [path, predictor] : predictors) {
      if (trace_ || predictor.context() == nullptr) continue;
      trace_ = predictor.context()->trace;
      remote_parent_ = predictor.context()->remote_parent;
    }
    if (!trace_) return;
    span_ = {.kind = Span::Kind::program, .id = Trace::next_id(), .started_at = std::chrono::system_clock::now()};
    span_.remote_parent = remote_parent_.get();
    span_.inputs = &inputs_;
    trace_->begin(span_);
  }
  RootSpan(const RootSpan&) = delete;
  RootSpan& operator=(const RootSpan&) = delete;
  ~RootSpan() { finish(nullptr); }

  std::uint64_t id() const noexcept { return span_.id; }
  void end(const Prediction& prediction) { finish(&prediction); }

 private:
  void finish(const Prediction* prediction) noexcept {
    if (!trace_) return;
    span_.prediction = prediction;
    span_.time = std::chrono::steady_clock::now() - begun_;
    try {
      std::exchange(trace_, nullptr)->end(span_);
    } catch (const std::exception& error) {
      log(LogLevel::warning, "server", std::format("a job's trace was not kept: {}", error.what()));
    }
  }

  JsonObject inputs_;
  std::chrono::steady_clock::time_point begun_;
  std::shared_ptr<Trace> trace_;
  std::shared_ptr<const TraceContext> remote_parent_;
  Span span_ = {};
};

Async<Job> run_agent(JobWork work, Job job, ProgramCall call, ReActAgent agent) {
  const auto events = begun_run(work.journal);
  auto decisions = verdicts_of(job.decisions);
  auto open = begun_calls(events, agent.tools(), job.decisions);
  if (!open.empty()) {
    job.waiting = std::move(open);
    job.state = JobState::waiting;
    co_return job;
  }
  const auto begun = std::chrono::steady_clock::now();
  if (call.on_run) call.on_run();
  // The agent in the context of the call: the model, the budget and the trace are in the program's predictors.
  std::map<std::string, Predictor, std::less<>> configured;
  call.program.for_each_predictor(
      [&](const std::string& path, const Predictor& predictor) { configured.emplace(path, predictor); });
  agent.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    if (const auto it = configured.find(path); it != configured.end()) predictor = it->second;
  });
  RootSpan root(configured, call.inputs);
  // What this run spends: what a run before it did is in the trace of that.
  const auto spent = std::make_shared<Budget>(Budget::Limits{});
  agent = with_context(std::move(agent), {.budget = spent, .parent_span = root.id()});
  AgentRunOptions options{.journal = work.journal, .decisions = std::move(decisions), .call = {.stop = work.stop}};
  // Not `? :`: g++ 14 may miscompile a conditional expression of two `co_await`.
  AgentOutcome outcome;
  if (events.empty()) {
    outcome = co_await agent.astart(std::move(call.inputs), std::move(options));
  } else {
    outcome = co_await agent.aresume(std::move(options));
  }
  if (!outcome.is_done()) {
    job.waiting.clear();
    for (const auto& waits : outcome.waiting) job.waiting.emplace_back(call_json(waits));
    job.state = JobState::waiting;
    co_return job;
  }
  auto told = outcome.prediction;
  told.lm_usage = spent->used();
  root.end(told);
  job.answer = answer_json(call, outcome.prediction, std::chrono::steady_clock::now() - begun);
  job.state = JobState::done;
  co_return job;
}

Async<Job> run_program(JobWork work, Job job, ProgramCall call) {
  job.answer = co_await run_call(std::move(call), std::move(work.sink));
  job.state = JobState::done;
  co_return job;
}

}  // namespace

Async<Job> work_on(JobWork work, Job job) {
  auto call = prepare(*work.context,
                      {.program = job.program,
                       .caller = job.caller,
                       .unit = job.unit,
                       .stop = work.stop,
                       .remote_parent = job.remote_parent},
                      job.inputs, job.options);
  // Of the arm that answers, where an experiment divides the program's calls.
  const auto agent = work.agent ? work.agent(call.served->name) : nullptr;
  auto done = agent ? run_agent(std::move(work), std::move(job), std::move(call), *agent)
                    : run_program(std::move(work), std::move(job), std::move(call));
  co_return co_await std::move(done);
}

}  // namespace dspy::server
