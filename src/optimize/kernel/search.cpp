#include "dspy/optimize/kernel/search.hpp"

#include "dspy/base/log.hpp"
#include "dspy/base/sha256.hpp"
#include "optimize/kernel/search_state.hpp"
#include "optimize/kernel/worth.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy::optimize {
namespace {

std::string digest_of(const std::vector<Example>& examples) {
  std::string all;
  for (const auto& example : examples) all += digest(example);
  return sha256(all);
}

void check_backend(const Training& training) {
  if (!training.search.backend) return;
  if (training.search.limits.requests) {
    throw Error(Errc::invalid_parameter,
                "a request limit cannot be enforced with a backend, where requests are made elsewhere; limit rollouts "
                "or tokens instead, or give the workers a budget");
  }
  if (training.teacher) {
    throw Error(Errc::invalid_parameter,
                "a backend runs the student; a teacher program could not be distinguished from it there, so give a "
                "teacher model "
                "instead");
  }
}

void check(const SearchOptions& options) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a search of concurrency 0 would never begin; allow at least 1 run at a time");
  if (options.attempts < 1)
    throw Error(Errc::invalid_parameter, "`attempts` must be at least 1: every request is made once");
  const auto is_price = [](double price) { return price >= 0 && std::isfinite(price); };
  if (!is_price(options.price.per_1000_tokens) || !is_price(options.price.per_second))
    throw Error(Errc::invalid_parameter, "the price of a run is a number, 0 or more");
  if (!std::isfinite(options.failure_score))
    throw Error(Errc::invalid_parameter, "`failure_score` must be a finite number");
}

void check_inputs(const std::vector<Example>& examples, std::string_view what) {
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].input_keys.empty()) {
      throw Error(Errc::bad_input, std::format("example {} of the {} set does not say which of its values are inputs; "
                                               "make it as Example(data, {{\"question\"}})",
                                               i, what));
    }
  }
}

}  // namespace

double percent(double mean) {
  return std::round(100 * mean * 100) / 100;
}

Search::Search(std::string optimizer, JsonObject options, const Program& student, Metric metric,
               const Training& training)
    : state_(std::make_unique<State>(std::move(metric), training.search)) {
  check(training.search);
  check_backend(training);
  if (training.search.backend) state_->student = student;
  std::size_t predictors = 0;
  student.for_each_predictor([&](const std::string&, const Predictor&) { ++predictors; });
  if (predictors == 0) {
    throw Error(Errc::config_error,
                std::format("{} has nothing to optimize: the program has no predictors", optimizer));
  }
  if (training.trainset.empty())
    throw Error(Errc::invalid_parameter, std::format("{} needs examples: the training set is empty", optimizer));
  check_inputs(training.trainset, "training");
  check_inputs(training.valset, "validation");
  auto& state = *state_;
  state.book->ledger =
      training.search.ledger ? training.search.ledger : std::make_shared<Ledger>(training.search.limits);
  state.book->attempts = training.search.attempts;
  state.book->retry_delay = training.search.retry_delay;
  state.report.optimizer = std::move(optimizer);
  state.report.options = std::move(options);
  state.report.metric = state.metric.name();
  state.load_checkpoint({{"optimizer", state.report.optimizer},
                         {"options", state.report.options},
                         {"metric", state.report.metric},
                         {"student", digest(student)},
                         {"teacher", training.teacher ? Json(digest(*training.teacher)) : Json()},
                         {"trainset", digest_of(training.trainset)},
                         {"valset", digest_of(training.valset)}});
}

Search::~Search() = default;

const Metric& Search::metric() const noexcept {
  return state_->metric;
}

Report& Search::report() noexcept {
  return state_->report;
}

const std::vector<Candidate>& Search::candidates() const noexcept {
  return state_->candidates;
}

std::size_t Search::add(Program program, std::string origin, std::vector<std::size_t> parents, std::string variant) {
  const auto size = prompt_size(program);
  state_->candidates.push_back({.program = std::move(program),
                                .origin = std::move(origin),
                                .parents = std::move(parents),
                                .prompt_size = size,
                                .variant = std::move(variant)});
  const auto number = state_->candidates.size() - 1;
  tell({.kind = Event::Kind::candidate, .candidate = number, .text = state_->candidates.back().origin});
  return number;
}

double Search::evaluate(std::size_t candidate, std::span<const Example> examples) {
  const auto& measured_one = state_->candidates.at(candidate);
  std::vector<Job> jobs;
  jobs.reserve(examples.size());
  for (const auto& example : examples)
    jobs.push_back({.program = &measured_one.program, .example = &example, .variant = measured_one.variant});
  const auto outcomes = run(jobs);
  if (std::ranges::all_of(outcomes, [](const Outcome& each) { return each.metric_failure.has_value(); })) {
    throw Error(Errc::bad_input, std::format("the metric `{}` failed on every example: {}", metric().name(),
                                             *outcomes[0].metric_failure));
  }
  if (std::ranges::all_of(outcomes, [](const Outcome& each) {
        return each.rollout->failure && each.rollout->failure->starts_with("bad_input");
      })) {
    throw Error(Errc::bad_input, std::format("the program fails on every example: {}", *outcomes[0].rollout->failure));
  }
  measured(candidate, outcomes);
  return *state_->candidates[candidate].value;
}

void Search::measured(std::size_t candidate, std::span<const Outcome> outcomes) {
  auto& each = state_->candidates.at(candidate);
  const auto worth = worth_of(outcomes, state_->options.price);
  each.score = worth.score;
  each.value = worth.value;
  each.tokens = worth.tokens;
  each.seconds = worth.seconds;
  each.row_scores = scores_of(outcomes);
  each.row_objectives = objectives_of(outcomes);
  state_->report.examples = each.row_scores.size();
  const auto best_now = *state_->candidates[*best()].score;
  const auto used = state_->book->ledger->used();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - state_->begun).count();
  state_->report.curve.push_back(
      {.requests = used.requests, .tokens = used.total_tokens().value_or(0), .seconds = seconds, .best = best_now});
  tell({.kind = Event::Kind::evaluated, .candidate = candidate, .score = each.score, .text = each.origin});
}

void Search::run_ahead(std::span<const std::size_t> candidates, std::span<const Example> examples) {
  if (state_->book->ledger->has_limits()) return;
  std::vector<Job> jobs;
  jobs.reserve(candidates.size() * examples.size());
  for (const auto number : candidates) {
    for (const auto& example : examples)
      jobs.push_back({.program = &state_->candidates.at(number).program,
                      .example = &example,
                      .variant = state_->candidates.at(number).variant});
  }
  run(jobs);
}

double Search::evaluate_some(std::size_t candidate, std::span<const Example> examples,
                             std::span<const std::size_t> rows) {
  std::vector<Job> jobs;
  jobs.reserve(rows.size());
  for (const auto row : rows)
    jobs.push_back({.program = &state_->candidates.at(candidate).program,
                    .example = &examples[row],
                    .variant = state_->candidates.at(candidate).variant});
  const auto outcomes = run(jobs);
  const auto worth = worth_of(outcomes, state_->options.price);
  state_->candidates[candidate].minibatch_scores.push_back(worth.score);
  tell({.kind = Event::Kind::minibatch,
        .candidate = candidate,
        .score = worth.score,
        .text = state_->candidates[candidate].origin});
  return worth.value;
}

std::optional<Prediction> Search::ask(Inquiry question) {
  std::vector<Inquiry> one;
  one.push_back(std::move(question));
  return std::move(ask(std::move(one)).front());
}

void Search::note(std::string text) {
  if (!std::ranges::contains(state_->report.notes, text)) state_->report.notes.push_back(text);
  tell({.kind = Event::Kind::note, .text = std::move(text)});
}

void Search::tell(Event event) {
  if (event.kind == Event::Kind::note) log(LogLevel::info, "optimize", event.text);
  if (!state_->options.on_event) return;
  event.used = state_->book->ledger->used();
  event.rollouts = state_->book->ledger->rollouts();
  event.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - state_->begun).count();
  if (const auto number = best()) event.best = state_->candidates[*number].score;
  state_->options.on_event(event);
}

std::optional<std::size_t> Search::best() const {
  std::optional<std::size_t> found;
  const auto& all = state_->candidates;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].score) continue;
    if (!found || *all[i].value > *all[*found].value ||
        (*all[i].value == *all[*found].value && all[i].prompt_size < all[*found].prompt_size)) {
      found = i;
    }
  }
  return found;
}

void Search::choose(std::size_t candidate) {
  state_->chosen = candidate;
}

Optimized Search::complete(const std::function<void()>& steps) {
  auto& state = *state_;
  auto& report = state.report;
  try {
    steps();
  } catch (const Halt& halt) {
    report.stopped = halt.what();
    if (!state.chosen && !best()) {
      throw Error(halt.code(),
                  std::format("{} ended before any program was measured: {}", report.optimizer, halt.what()));
    }
  }
  if (!state.chosen) state.chosen = best();
  if (!state.chosen) throw Error(Errc::config_error, std::format("{} made no program", report.optimizer));
  report.chosen = state.chosen;
  for (const auto& each : state.candidates) {
    report.candidates.push_back({.origin = each.origin,
                                 .parents = each.parents,
                                 .prompts = prompts_of(each.program),
                                 .prompt_size = each.prompt_size,
                                 .score = each.score,
                                 .value = state.options.price.is_free() ? std::nullopt : each.value,
                                 .tokens = each.tokens,
                                 .seconds = each.seconds,
                                 .row_scores = each.row_scores,
                                 .minibatch_scores = each.minibatch_scores});
  }
  report.usage = state.book->ledger->used();
  report.rollouts = state.book->ledger->rollouts();
  report.replayed_requests = state.book->replayed.load();
  report.retries = state.book->retries.load();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - state.begun).count();
  return {.program = state.candidates[*state.chosen].program, .report = std::move(report)};
}

}  // namespace dspy::optimize
