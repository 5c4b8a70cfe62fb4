#include "dspy/server/jobs/job_runner.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/signature.hpp"
#include "server/jobs/job_followers.hpp"
#include "server/jobs/job_journal.hpp"
#include "server/jobs/job_work.hpp"
#include "server/programs/program_call.hpp"
#include "server/random_id.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <filesystem>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {

class JobRunner::State : public std::enable_shared_from_this<State> {
 public:
  State(std::shared_ptr<const Catalog> catalog, std::shared_ptr<JobStore> given, JobOptions around)
      : context(std::make_shared<const ProgramContext>(std::move(catalog), around.programs)),
        store(std::move(given)),
        options(std::move(around)),
        journals(store->path().string() + ".journals") {}

  std::filesystem::path journal_of(const Job& job) const {
    return options.journal ? options.journal(job) : journals / (job.id + ".jsonl");
  }

  void enqueue(std::string id) {
    const std::lock_guard lock(mutex);
    queue.push_back(std::move(id));
    begin();
  }

  /// Under the mutex: as many as may run.
  void begin() {
    while (!is_stopping && running.size() < options.max_running) {
      // One that was decided about before its last run had quite ended waits for that.
      const auto next = std::ranges::find_if(queue, [&](const std::string& id) { return !running.contains(id); });
      if (next == queue.end()) return;
      auto id = std::move(*next);
      queue.erase(next);
      auto& stop = running.emplace(id, std::stop_source()).first->second;
      spawn(run(shared_from_this(), std::move(id), stop.get_token()));
    }
  }

  /// One run of one job; its end is in the store.
  static Async<void> run(std::shared_ptr<State> self, std::string id, std::stop_token stop) {
    try {
      if (auto job = co_await on_cpu([&] { return self->take(id); })) {
        auto ended = co_await self->worked(*std::move(job), stop);
        co_await on_cpu([&] { self->keep(ended); });
        self->tell(ended);
      }
    } catch (const std::exception& error) {
      log(LogLevel::error, "server", std::format("the job {} could not be kept: {}", id, error.what()));
    }
    const std::lock_guard lock(self->mutex);
    self->running.erase(id);
    self->begin();
    if (self->running.empty()) self->ended.notify_all();
  }

  /// Marks it as running; nothing if it was cancelled meanwhile, or started too often.
  std::optional<Job> take(const std::string& id) {
    auto job = store->find(id);
    if (!job || (job->state != JobState::queued && job->state != JobState::running)) return std::nullopt;
    if (job->state == JobState::running && job->attempts >= options.max_attempts) {
      job->state = JobState::failed;
      job->error = {{"message", std::format("the process ended {} times while this job ran", job->attempts)},
                    {"type", "inference_failed"}};
      store->update(*job, {JobState::running});
      tell(*job);
      return std::nullopt;
    }
    ++job->attempts;
    job->state = JobState::running;
    if (!store->update(*job, {JobState::queued, JobState::running})) return std::nullopt;
    tell(*job);
    return job;
  }

  Async<Job> worked(Job job, std::stop_token stop) {
    return [](std::shared_ptr<State> self, Job begun, std::stop_token asked) -> Async<Job> {
      JobWork work{.context = self->context,
                   .agent = self->options.agent,
                   .journal = self->journal_of(begun),
                   .stop = asked,
                   .sink = [self, id = begun.id](const FieldEvent& event) { self->followers.tell_field(id, event); }};
      auto failed = begun;
      try {
        co_return co_await work_on(std::move(work), std::move(begun));
      } catch (const Error& error) {
        failed.error = error_body(error, status_of(error)).at("error").as_object();
      } catch (const std::exception& error) {
        failed.error = {{"message", error.what()}, {"type", to_string(Errc::inference_failed)}};
      }
      // Stopped with the process: the next one takes it up.  Stopped alone: somebody cancelled it.
      failed.state = !asked.stop_requested() ? JobState::failed
                     : self->is_stopping     ? JobState::queued
                                             : JobState::cancelled;
      if (failed.state == JobState::queued) {
        failed.error.clear();
        --failed.attempts;
      }
      co_return failed;
    }(shared_from_this(), std::move(job), std::move(stop));
  }

  void keep(Job& job) {
    store->update(job, {JobState::running});
    drop_journal(job);
  }

  void drop_journal(const Job& job) const {
    std::error_code ignored;
    if (is_over(job.state) && !options.journal) std::filesystem::remove(journal_of(job), ignored);
  }

  void tell(const Job& job) {
    if (options.on_change) options.on_change(job);
    followers.tell(job);
  }

  std::shared_ptr<const ProgramContext> context;
  std::shared_ptr<JobStore> store;
  JobOptions options;
  std::filesystem::path journals;
  std::mutex mutex;
  std::condition_variable ended;
  std::atomic<bool> is_stopping = false;
  std::deque<std::string> queue;
  std::map<std::string, std::stop_source, std::less<>> running;
  JobFollowers followers;
};

namespace {

/// Whether a job is the caller's own.  Without keys, all are.
bool is_own(const Caller& caller, const Job& job) {
  return caller.key.empty() || caller.key == job.caller.key;
}

void require_changeable(const Caller& caller, const Job& job) {
  if (is_own(caller, job) || may(caller, "jobs:write")) return;
  throw HttpError(403, Errc::authentication_failed,
                  "this job is of another key; changing it needs the scope `jobs:write`");
}

[[noreturn]] void conflict(const std::string& why) {
  throw HttpError(409, Errc::bad_input, why);
}

}  // namespace

JobRunner::JobRunner(std::shared_ptr<const Catalog> catalog, std::shared_ptr<JobStore> store, JobOptions options)
    : state_(std::make_shared<State>(std::move(catalog), std::move(store), std::move(options))) {
  if (!state_->options.journal) std::filesystem::create_directories(state_->journals);
}

JobRunner::~JobRunner() {
  std::unique_lock lock(state_->mutex);
  state_->is_stopping = true;
  auto stops = state_->running;
  lock.unlock();
  for (auto& [id, stop] : stops) stop.request_stop();
  lock.lock();
  state_->ended.wait_for(lock, std::chrono::seconds(10), [&] { return state_->running.empty(); });
  state_->followers.close();
}

std::size_t JobRunner::resume() {
  state_->store->remove_over(std::chrono::system_clock::now() - state_->options.keep_time);
  const auto jobs = state_->store->unfinished();
  for (const auto& job : jobs) state_->enqueue(job.id);
  return jobs.size();
}

Job JobRunner::submit(const Caller& caller, const std::string& program, JsonObject inputs, JsonObject options,
                      std::string unit, std::shared_ptr<const TraceContext> remote_parent) {
  const auto id = random_id();
  if (unit.empty()) unit = id;
  // Immediate failures are reported immediately.
  prepare(*state_->context, {.program = program, .caller = caller, .unit = unit}, inputs, options);
  Job job{.id = id,
          .caller = caller,
          .unit = std::move(unit),
          .program = program,
          .inputs = std::move(inputs),
          .options = std::move(options),
          .remote_parent = std::move(remote_parent)};
  state_->store->add(job);
  state_->tell(job);
  state_->enqueue(job.id);
  return job;
}

Job JobRunner::find(const Caller& caller, std::string_view id) const {
  auto job = state_->store->find(id);
  if (!job || job->caller.tenant != caller.tenant || !(is_own(caller, *job) || may(caller, "jobs:read")))
    throw HttpError(404, Errc::bad_input, "there is no such job; GET /v1/jobs lists those there are");
  return *std::move(job);
}

std::vector<Job> JobRunner::list(const Caller& caller, std::optional<JobState> state, std::size_t limit) const {
  const bool sees_all = caller.key.empty() || may(caller, "jobs:read");
  return state_->store->list(caller.tenant, state, limit, sees_all ? std::string_view() : caller.key);
}

Job JobRunner::cancel(const Caller& caller, std::string_view id) {
  auto job = find(caller, id);
  require_changeable(caller, job);
  if (is_over(job.state)) conflict(std::format("the job is {} already", to_string(job.state)));
  job.state = JobState::cancelled;
  const auto waiting = std::exchange(job.waiting, {});
  if (state_->store->update(job, {JobState::queued, JobState::waiting})) {
    deny_waiting(state_->journal_of(job), waiting);
    state_->drop_journal(job);
    state_->tell(job);
    return job;
  }
  std::optional<std::stop_source> stop;
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto it = state_->running.find(id); it != state_->running.end()) stop = it->second;
  }
  if (stop) stop->request_stop();
  return find(caller, id);
}

Job JobRunner::approve(const Caller& caller, std::string_view id, const std::string& call, bool allows,
                       const std::string& note) {
  auto job = find(caller, id);
  require_changeable(caller, job);
  const auto asked = [&](const Json& waits) { return view(waits.at("call").as_string()) == call; };
  if (job.state != JobState::waiting || std::none_of(job.waiting.begin(), job.waiting.end(), asked))
    conflict(std::format("the job is {} and does not wait for the call `{}`", to_string(job.state), call));
  JsonObject decision = {{"decision", allows ? "allow" : "deny"}};
  if (!note.empty()) decision["note"] = note;
  job.decisions[call] = std::move(decision);
  for (auto it = job.waiting.begin(); it != job.waiting.end();) it = asked(*it) ? job.waiting.erase(it) : it + 1;
  const bool goes_on = job.waiting.empty();
  if (goes_on) {
    job.state = JobState::queued;
    job.attempts = 0;
  }
  if (!state_->store->update(job, {JobState::waiting})) conflict("somebody else has changed the job meanwhile");
  state_->tell(job);
  if (goes_on) state_->enqueue(job.id);
  return job;
}

void JobRunner::follow(std::string_view id, std::shared_ptr<Pipe> pipe) {
  state_->followers.follow(*state_->store, id, std::move(pipe));
}

JobRunner::Counts JobRunner::counts() const {
  const std::lock_guard lock(state_->mutex);
  return {.queued = state_->queue.size(), .running = state_->running.size()};
}

}  // namespace dspy::server
