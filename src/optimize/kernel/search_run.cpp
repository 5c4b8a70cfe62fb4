#include "dspy/base/concurrent.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/programs/program_file.hpp"
#include "optimize/kernel/records/checkpoint_record.hpp"
#include "optimize/kernel/run_rollout.hpp"
#include "optimize/kernel/search_state.hpp"

#include <algorithm>
#include <format>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

// How the kernel runs programs on examples.

namespace dspy::optimize {
namespace {

struct Work {
  const Job* job;
  std::string run_key, score_key;
};

/// Jobs, their runs and scores named by what goes into them.
std::vector<Work> works_of(std::span<const Job> jobs) {
  std::unordered_map<const Program*, std::string> programs;
  std::unordered_map<const Example*, std::string> examples;
  std::vector<Work> works;
  works.reserve(jobs.size());
  for (const auto& job : jobs) {
    auto& program = programs[job.program];
    if (program.empty()) program = digest(*job.program);
    auto& example = examples[job.example];
    if (example.empty()) example = digest(*job.example);
    auto run_key = sha256(std::format("{} {} {} {} {}", program, example, job.draw.number,
                                      job.draw.number > 0 ? job.draw.temperature : 0.0, job.variant));
    auto score_key = std::format("{}/{}{}", run_key, job.for_demonstration ? "demo" : "", job.predictor);
    works.push_back({&job, std::move(run_key), std::move(score_key)});
  }
  return works;
}

/// One for each run that is not known yet: several scores may be wanted of it.
std::vector<const Work*> missing_runs(const std::vector<const Work*>& wanted,
                                      const std::unordered_map<std::string, std::shared_ptr<const Rollout>>& known) {
  std::vector<const Work*> runs;
  std::unordered_set<std::string_view> begun;
  for (const auto* work : wanted) {
    if (!known.contains(work->run_key) && begun.insert(work->run_key).second) runs.push_back(work);
  }
  return runs;
}

/// Programs whose prompts begin alike follow each other: a local model still has the beginning.
void sort_by_prompts(std::vector<const Work*>& runs) {
  std::unordered_map<const Program*, std::string> prompts;
  for (const auto* run : runs) prompts.try_emplace(run->job->program);
  if (prompts.size() < 2) return;
  // In whatever order: each prompt goes to its own program.
  // NOLINTNEXTLINE(bugprone-nondeterministic-pointer-iteration-order)
  for (auto& [program, text] : prompts) text = to_text(prompts_of(*program));
  std::ranges::stable_sort(runs, {}, [&](const Work* run) -> const std::string& { return prompts[run->job->program]; });
}

}  // namespace

void Search::State::load_checkpoint(const JsonObject& run) {
  if (options.checkpoint.empty()) return;
  book->journal = std::make_unique<Journal>(options.checkpoint, run, options.is_durable);
  if (!book->journal->note().empty()) report.notes.push_back(book->journal->note());
  for (const auto& record : book->journal->take_records()) {
    auto known = checkpoint_record_from_json(record);
    if (known.rollout) {
      rollouts[known.key] = std::make_shared<const Rollout>(*std::move(known.rollout));
      unpaid.insert(known.key);
    }
    if (known.score) scores[known.key] = *std::move(known.score);
    if (known.reply) book->remember(std::move(known.key), *std::move(known.reply));
  }
}

void Search::State::write(const JsonObject& record) const {
  if (book->journal) book->journal->append(record);
}

void Search::State::pay_for(const std::string& run_key) {
  if (unpaid.erase(run_key) == 0) return;
  const auto& usage = rollouts.at(run_key)->usage;
  bool is_within = book->ledger->take_rollout();
  for (std::uint64_t i = 0; is_within && i < usage.requests; ++i) is_within = book->ledger->take_request();
  if (!is_within) throw Halt(Errc::token_budget_exhausted, book->ledger->exhausted());
  book->ledger->spend(usage);
  book->replayed.fetch_add(usage.requests);
}

void Search::State::require_time() const {
  if (options.stop.stop_requested()) throw Halt(Errc::cancelled, "it was asked to stop");
  if (options.deadline && std::chrono::steady_clock::now() >= *options.deadline)
    throw Halt(Errc::deadline_exceeded, "its deadline has passed");
}

void Search::State::halt_by(const Error& error) {
  if (!halt) halt.emplace(error.code(), error.what());
}

bool Search::State::may_run_elsewhere(const Program& program) {
  if (options.backend == nullptr) return false;
  const auto wanted = digest(program);
  const auto [known, is_new] = elsewhere.try_emplace(wanted, false);
  if (is_new) {
    auto copy = *student;
    const auto applied = attempt([&] { apply(read_program(to_text(to_program_file(program))), copy); });
    known->second = applied && digest(copy) == wanted;
  }
  return known->second;
}

/// Requests that others made: no limit of requests is kept so, which `check` refuses.
void Search::State::count_elsewhere(const Usage& usage) const {
  for (std::uint64_t i = 0; i < usage.requests; ++i) static_cast<void>(book->ledger->take_request());
  book->ledger->spend(usage);
}

/// Keeps what came of it, or the reason why nothing could.
Async<void> Search::State::roll_out(const Program& program, const Example& example, Draw draw, std::string key,
                                    bool is_elsewhere) {
  if (!book->ledger->take_rollout()) {
    halt_by(Error(Errc::token_budget_exhausted, book->ledger->exhausted()));
    co_return;
  }
  RolloutRequest request{.program = &program,
                         .inputs = example.inputs(),
                         .draw = draw,
                         .key = key,
                         .seeds_requests = options.seeds_requests,
                         .stop = options.stop};
  auto rollout = std::make_shared<Rollout>();
  try {
    if (is_elsewhere) {
      *rollout = co_await options.backend->run(std::move(request));
      count_elsewhere(rollout->usage);
    } else {
      *rollout = co_await run_rollout(std::move(request), book);
    }
  } catch (const Error& error) {
    halt_by(error);
    co_return;
  }
  try {
    write({{"kind", "rollout"}, {"key", key}, {"rollout", optimize::to_json(*rollout)}});
  } catch (const Error& error) {
    halt_by(error);
  }
  rollouts.insert_or_assign(std::move(key), std::move(rollout));
}

Async<void> Search::State::score(const Job& job, std::string run_key, std::string key) {
  const auto rollout = rollouts.at(run_key);
  ScoreRecord record;
  try {
    record.score = co_await metric.ascore({.example = *job.example,
                                           .prediction = rollout->prediction,
                                           .trace = &rollout->steps,
                                           .predictor = job.predictor,
                                           .for_demonstration = job.for_demonstration});
  } catch (const Error& error) {
    if (is_infrastructure(error.code())) {
      halt_by(error);
      co_return;
    }
    record.failure = error.what();
  } catch (const std::exception& error) {
    record.failure = error.what();
  }
  if (record.failure) record.score.value = options.failure_score;
  try {
    write({{"kind", "score"}, {"key", key}, {"score", to_json(record)}});
  } catch (const Error& error) {
    halt_by(error);
  }
  scores.insert_or_assign(std::move(key), std::move(record));
}

Outcome Search::State::outcome_of(const std::string& run_key, const std::string& score_key) const {
  Outcome outcome{.rollout = rollouts.at(run_key)};
  outcome.score.value = options.failure_score;
  if (!outcome.rollout->failure) {
    const auto& record = scores.at(score_key);
    outcome.score = record.score;
    outcome.metric_failure = record.failure;
  }
  return outcome;
}

std::vector<Outcome> Search::run(std::span<const Job> jobs) {
  auto& state = *state_;
  const auto all = works_of(jobs);
  std::vector<const Work*> todo;  // without those that are known, and those that stand twice
  std::unordered_set<std::string_view> begun;
  for (const auto& work : all) {
    state.pay_for(work.run_key);
    if (state.scores.contains(work.score_key) ||
        (state.rollouts.contains(work.run_key) && state.rollouts.at(work.run_key)->failure)) {
      ++state.report.cached_rollouts;
    } else if (begun.insert(work.score_key).second) {
      todo.push_back(&work);
    }
  }
  state.halt.reset();
  auto runs = missing_runs(todo, state.rollouts);
  // Within limits the order says what is measured, so it stays.
  if (!state.book->ledger->has_limits()) sort_by_prompts(runs);
  const auto limit = state.options.concurrency;
  const auto guarded = [&](auto begin) -> std::function<Async<void>(std::size_t)> {
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
    return [&state, begin](std::size_t i) -> Async<void> {
      if (state.halt) co_return;
      try {
        state.require_time();
      } catch (const Halt& halt) {
        state.halt = halt;
        co_return;
      }
      co_await begin(i);
    };
  };
  wait(run_concurrently(
      runs.size(), limit, guarded([&](std::size_t i) {
        const auto& work = *runs[i];
        const bool is_elsewhere = work.job->variant.empty() && state.may_run_elsewhere(*work.job->program);
        return state.roll_out(*work.job->program, *work.job->example, work.job->draw, work.run_key, is_elsewhere);
      })));
  std::erase_if(todo, [&](const Work* work) {
    const auto at = state.rollouts.find(work->run_key);
    return at == state.rollouts.end() || at->second->failure;
  });
  const auto halted = std::exchange(state.halt, std::nullopt);  // what was run is scored all the same
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
  wait(run_concurrently(todo.size(), limit, [&](std::size_t i) -> Async<void> {
    if (state.halt) co_return;
    co_await state.score(*todo[i]->job, todo[i]->run_key, todo[i]->score_key);
  }));
  if (halted) throw *halted;
  if (state.halt) throw *state.halt;
  if (state.book->ledger->is_overdrawn()) throw Halt(Errc::token_budget_exhausted, state.book->ledger->exhausted());

  std::vector<Outcome> outcomes;
  outcomes.reserve(all.size());
  for (const auto& work : all) outcomes.push_back(state.outcome_of(work.run_key, work.score_key));
  return outcomes;
}

std::vector<Outcome> Search::run(const Program& program, std::span<const Example> examples, Draw draw) {
  std::vector<Job> jobs;
  jobs.reserve(examples.size());
  for (const auto& example : examples) jobs.push_back({.program = &program, .example = &example, .draw = draw});
  return run(jobs);
}

std::vector<std::optional<Prediction>> Search::ask(std::vector<Inquiry> questions) {
  auto& state = *state_;
  state.require_time();
  std::vector<std::optional<Prediction>> answers(questions.size());
  std::vector<std::string> problems(questions.size());
  const auto first = state.questions;
  state.questions += questions.size();
  state.halt.reset();
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
  wait(run_concurrently(questions.size(), state.options.concurrency, [&](std::size_t i) -> Async<void> {
    if (state.halt) co_return;
    auto& [predictor, inputs, draw] = questions[i];
    const auto scope = std::make_shared<Scope>();
    scope->name = sha256(std::format("question {}", first + i));
    predictor.set_lm(recorded(predictor, state.book, scope));
    predictor.set_sampling(sampling_of(predictor, draw, state.options.seeds_requests, scope->name));
    try {
      answers[i] = co_await predictor.acall(inputs);
    } catch (const Error& error) {
      if (is_infrastructure(error.code())) state.halt_by(error);
      problems[i] = error.what();
    }
  }));
  if (state.halt) throw *std::exchange(state.halt, std::nullopt);
  for (const auto& problem : problems) {
    if (!problem.empty()) note("a proposal could not be read: " + problem);
  }
  return answers;
}

}  // namespace dspy::optimize
