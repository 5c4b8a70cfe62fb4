#include "dspy/server/optimizing/optimization_runner.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/optimize/kernel/report.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "server/optimizing/event_log.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using namespace std::chrono_literals;
using Id = std::pair<std::string, std::string>;  ///< Tenant and name.

constexpr std::uintmax_t most_bytes = 1 << 20;
constexpr auto tell_every = 500ms;

HttpError no_run(std::string_view id) {
  return {404, Errc::bad_input, std::format("there is no `{}` in optimizations that this server could run", id)};
}

ProgramFile file_of(const Program& best, const optimize::Report& report, const JsonObject& settings) {
  auto out = to_program_file(best);
  out.optimizer = {{"name", report.optimizer}, {"options", report.options}};
  if (!report.score()) return out;
  const auto* const data = settings.if_contains("dataset");
  out.scores.push_back({.metric = report.metric,
                        .value = *report.score(),
                        .examples = report.examples,
                        .dataset = data != nullptr ? std::string(view(data->as_string())) : std::string()});
  return out;
}

HttpError conflict(const std::string& why) {
  return {409, Errc::bad_input, why};
}

}  // namespace

class OptimizationRunner::State {
 public:
  State(Workspace given, OptimizationOptions around) : workspace(std::move(given)), options(std::move(around)) {}

  ~State() {
    is_ending = true;
    std::map<Id, std::shared_ptr<Run>> all;
    {
      const std::lock_guard lock(mutex);
      all = runs;
    }
    for (const auto& [id, run] : all) run->thread.request_stop();
    for (const auto& [id, run] : all) {
      if (run->thread.joinable()) run->thread.join();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  struct Run {
    std::vector<std::shared_ptr<Pipe>> followers;
    std::chrono::steady_clock::time_point told_at = {};
    bool is_over = false;
    std::jthread thread;
  };

  std::filesystem::path path(const Id& id, std::string_view ending) const {
    return workspace.path(id.first, "optimizations", id.second, ending);
  }

  /// Settings of a run that was started here, by whomever.
  JsonObject settings_of(const Id& id) const {
    std::error_code code;
    const auto file = path(id, ".run");
    if (!std::filesystem::is_regular_file(file, code)) throw no_run(id.second);
    auto json = parse_json(read_text(file, most_bytes));
    if (!json || !json->is_object()) throw conflict(std::format("the settings of `{}` are damaged", id.second));
    return std::move(json->get_object());
  }

  void begin(const Caller& caller, const Id& id, const JsonObject& settings) {
    auto work = std::make_shared<OptimizationWork>(options.prepare(caller, settings));
    const std::lock_guard lock(mutex);
    std::erase_if(runs, [](const auto& each) { return each.second->is_over; });
    if (runs.contains(id)) throw conflict(std::format("`{}` is running already", id.second));
    if (runs.size() >= options.max_running)
      throw HttpError(429, Errc::rate_limit_exceeded,
                      std::format("{} optimizers are running, the maximum; wait, or stop one", runs.size()));
    const auto file = path(id, ".run");
    std::filesystem::create_directories(file.parent_path());
    replace_file(file, to_text(settings) + "\n");
    auto run = std::make_shared<Run>();
    runs.emplace(id, run);
    run->thread =
        std::jthread([this, id, settings, work](const std::stop_token& stop) { work_on(id, settings, *work, stop); });
  }

  void work_on(const Id& id, const JsonObject& settings, OptimizationWork& work, const std::stop_token& stop) {
    std::string state = "failed";
    JsonObject last;
    try {
      auto& search = work.training.search;
      search.checkpoint = path(id, ".jsonl");
      search.stop = stop;
      search.on_event = [this, id](const optimize::Event& event) { note(id, to_json(event)); };
      const auto [program, report] = work.optimizer(work.student, work.training);
      auto written = optimize::to_json(report);
      for (const auto& each : settings) {
        if (!written.contains(each.key())) written[each.key()] = each.value();
      }
      written["out"] = settings.at("program");
      const auto best = file_of(program, report, settings);
      save_program(path(id, ".best"), best);
      if (work.keep) {
        for (auto& each : work.keep(best, report)) written[each.key()] = each.value();
      }
      replace_file(path(id, ".json"), to_text(written) + "\n");
      std::error_code ignored;
      if (report.stopped.empty()) std::filesystem::remove(path(id, ".jsonl"), ignored);
      state = report.stopped.empty() ? "done" : stopped();
    } catch (const std::exception& error) {
      // A search that nothing came of before it was stopped ends so, too.
      if (stop.stop_requested()) state = stopped();
      last["error"] = error.what();
      log(LogLevel::warning, "server", std::format("the optimization `{}` ended: {}", id.second, error.what()));
    }
    last["kind"] = "ended";
    last["state"] = state;
    note(id, last);
    std::vector<std::shared_ptr<Pipe>> followers;
    {
      const std::lock_guard lock(mutex);
      const auto run = runs.at(id);
      run->is_over = true;
      followers = std::exchange(run->followers, {});
    }
    for (const auto& pipe : followers) pipe->close();
    if (options.on_change) options.on_change(id.first, id.second, "updated");
  }

  /// By its user, or together with the server, like a killed one.
  const char* stopped() const { return is_ending ? "interrupted" : "stopped"; }

  void note(const Id& id, const JsonObject& event) {
    bool is_told = false;
    {
      const std::lock_guard lock(mutex);
      if (const auto kept = attempt([&] { append_event(path(id, ".events"), event); }); !kept)
        log(LogLevel::warning, "server", kept.error().what());
      const auto run = runs.find(id);
      if (run == runs.end()) return;
      for (const auto& pipe : run->second->followers) pipe->push(sent(event));
      const auto now = std::chrono::steady_clock::now();
      is_told = now - run->second->told_at >= tell_every;
      if (is_told) run->second->told_at = now;
    }
    if (is_told && options.on_change) options.on_change(id.first, id.second, "updated");
  }

  static std::string sent(const JsonObject& event) {
    const auto* const kind = event.if_contains("kind");
    return sent_event(kind != nullptr && *kind == "ended" ? "ended" : "event", event);
  }

  /// Null if it does not run here.
  std::shared_ptr<Run> running(const Id& id) const {
    const std::lock_guard lock(mutex);
    const auto found = runs.find(id);
    return found != runs.end() && !found->second->is_over ? found->second : nullptr;
  }

  Workspace workspace;
  OptimizationOptions options;
  mutable std::mutex mutex;
  std::map<Id, std::shared_ptr<Run>> runs;
  std::atomic<bool> is_ending = false;
};

OptimizationRunner::OptimizationRunner(Workspace workspace, OptimizationOptions options)
    : state_(std::make_unique<State>(std::move(workspace), std::move(options))) {}
OptimizationRunner::~OptimizationRunner() = default;

void OptimizationRunner::start(const Caller& caller, const std::string& id, const JsonObject& settings) {
  const Id key(caller.tenant, id);
  std::error_code code;
  for (const auto* const ending : {".run", ".json", ".jsonl"}) {
    if (std::filesystem::exists(state_->path(key, ending), code))
      throw conflict(std::format("there is an optimization `{}` already; name another one", id));
  }
  state_->begin(caller, key, settings);
  if (state_->options.on_change) state_->options.on_change(caller.tenant, id, "created");
}

void OptimizationRunner::stop(const Caller& caller, const std::string& id) {
  const Id key(caller.tenant, id);
  state_->settings_of(key);
  const auto run = state_->running(key);
  if (!run) throw conflict(std::format("`{}` does not run here", id));
  run->thread.request_stop();
}

void OptimizationRunner::resume(const Caller& caller, const std::string& id) {
  const Id key(caller.tenant, id);
  const auto settings = state_->settings_of(key);
  std::error_code code;
  if (!state_->running(key) && std::filesystem::exists(state_->path(key, ".json"), code) &&
      !std::filesystem::exists(state_->path(key, ".jsonl"), code))
    throw conflict(std::format("`{}` is done; start another one", id));
  state_->begin(caller, key, settings);
  if (state_->options.on_change) state_->options.on_change(caller.tenant, id, "updated");
}

bool OptimizationRunner::is_running(const std::string& tenant, const std::string& id) const {
  return state_->running({tenant, id}) != nullptr;
}

void OptimizationRunner::follow(const Caller& caller, const std::string& id, const std::shared_ptr<Pipe>& pipe) {
  const Id key(caller.tenant, id);
  state_->settings_of(key);
  const std::lock_guard lock(state_->mutex);
  // Under the mutex, so that no event between reading and listening is missed.
  for (const auto& event : read_events(state_->path(key, ".events"))) pipe->push(State::sent(event));
  const auto found = state_->runs.find(key);
  if (found != state_->runs.end() && !found->second->is_over) {
    found->second->followers.push_back(pipe);
  } else {
    pipe->close();
  }
}

}  // namespace dspy::server
