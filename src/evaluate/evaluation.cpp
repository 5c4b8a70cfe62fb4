#include "evaluate/evaluation.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/programs/program_file.hpp"
#include "evaluate/interval.hpp"
#include "evaluate/row_json.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <format>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// Two places, as Python's `round` rounds them: by the exact value of the binary number.
double rounded(double percent) {
  const auto text = std::format("{:.2f}", percent);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

void validate(const EvaluateOptions& options, const std::vector<Example>& examples) {
  const auto refuse = [](const std::string& why) { throw Error(Errc::invalid_parameter, why); };
  if (!options.metric.is_set()) throw Error(Errc::config_error, "an evaluation needs a metric; set `metric`");
  if (examples.empty()) refuse("there are no examples to evaluate on; give at least one");
  if (options.concurrency == 0) refuse("an evaluation with `concurrency` 0 would never begin; allow 1 or more");
  if (options.batch_size == 0) refuse("`batch_size` is 0; it must be 1 or more");
  if (options.max_errors == std::size_t{0})
    refuse("`max_errors` is 0, so nothing would be run; leave it unset, or allow 1 or more");
  if (!std::isfinite(options.failure_score)) refuse("`failure_score` must be a finite number");
  if (!(options.confidence > 0 && options.confidence < 1)) refuse("`confidence` must be between 0 and 1");
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!examples[i].input_keys.empty()) continue;
    throw Error(Errc::bad_input, std::format("example {} does not say which of its values are inputs; name them "
                                             "(`with_inputs`)",
                                             i));
  }
}

JsonObject checkpoint_header(const Program& program, const std::vector<Example>& examples,
                             const EvaluateOptions& options) {
  std::string data;
  for (const auto& example : examples) {
    append_text(data, example.data);
    data += text::enumerate(example.input_keys, "`") + "\n";
  }
  JsonArray lms;
  program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    lms.emplace_back(predictor.lm() ? predictor.lm()->fingerprint() : std::string());
  });
  return {{"dspy_evaluation", 1},
          {"metric", options.metric.name()},
          {"examples", examples.size()},
          {"dataset", sha256(data)},
          {"program", sha256(to_text(to_program_file(program)) + to_text(lms))},
          {"failure_score", options.failure_score}};
}

Evaluation::Evaluation(std::vector<Example> examples, const EvaluateOptions& options, const Clock& clock)
    : options_(options), clock_(clock), begun_(clock.now()), rows_(examples.size()) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].index = i;
    rows_[i].example = std::move(examples[i]);
  }
}

void Evaluation::resume(const std::vector<JsonObject>& rows) {
  for (const auto& written : rows) {
    const auto index = written.at("index").to_number<std::size_t>();
    if (index >= rows_.size()) {
      throw Error(Errc::config_error,
                  std::format("the checkpoint has a row {}, but there are only {} examples; remove it to start over",
                              index, rows_.size()));
    }
    auto& row = rows_[index];
    EvaluatedRow read{.index = index, .was_resumed = true};
    row_from_json(written, read);
    if (read.error && is_retryable(read.error->code())) continue;
    if (!row.is_done) ++done_, ++resumed_;
    failures_ += read.error ? 1 : 0;
    failures_ -= row.error ? 1 : 0;
    sum_ += read.score.value - row.score.value;
    read.example = std::move(row.example);
    row = std::move(read);
  }
}

std::vector<std::size_t> Evaluation::todo() const {
  std::vector<std::size_t> out;
  out.reserve(rows_.size());
  for (const auto& row : rows_) {
    if (!row.is_done) out.push_back(row.index);
  }
  if (!options_.orders_by_inputs || options_.concurrency == 1) return out;
  std::vector<std::string> texts(rows_.size());
  for (const auto i : out) texts[i] = to_text(rows_[i].example.inputs());
  std::ranges::stable_sort(out, {}, [&](std::size_t i) -> const std::string& { return texts[i]; });
  return out;
}

std::optional<Error> Evaluation::over() const {
  const auto& context = options_.context;
  if (context.stop.stop_requested() || options_.call.stop.stop_requested())
    return Error(Errc::cancelled, "the evaluation was stopped");
  if (context.deadline && clock_.now() >= *context.deadline)
    return Error(Errc::deadline_exceeded, "the evaluation's deadline passed; allow it more time");
  if (context.budget) {
    auto spent = attempt([&] { context.budget->require(); });
    if (!spent) return spent.error();
  }
  if (options_.max_errors && failures_ >= *options_.max_errors) {
    return Error(Errc::cancelled,
                 std::format("the evaluation stopped after {} examples had failed (`max_errors`)", failures_));
  }
  return std::nullopt;
}

bool Evaluation::may_begin() {
  if (!stopped_) stopped_ = over();
  return !stopped_;
}

void Evaluation::finish(EvaluatedRow& row, const Usage& used) {
  used_ = used;
  if (row.error && !row.metric_failed) {
    using enum Errc;
    const auto code = row.error->code();
    // Cut off by the end of the whole, which says nothing about the program.
    if ((code == cancelled || code == deadline_exceeded || code == token_budget_exhausted) && !may_begin()) {
      row.error.reset();
      row.trace.clear();
      return;
    }
  }
  if (row.error) {
    row.score = {.value = options_.failure_score};
    ++failures_;
  }
  row.is_done = true;
  ++done_;
  sum_ += row.score.value;
}

void Evaluation::keep(Checkpoint& checkpoint, const EvaluatedRow& row) {
  if (const auto written = attempt([&] { checkpoint.add(row_to_json(row)); }); !written && !stopped_)
    stopped_ = written.error();
}

void Evaluation::sync(Checkpoint& checkpoint) {
  if (const auto written = attempt([&] { checkpoint.sync(); }); !written && !stopped_) stopped_ = written.error();
}

double Evaluation::seconds() const {
  return std::chrono::duration<double>(clock_.now() - begun_).count();
}

EvaluationProgress Evaluation::progress() const {
  EvaluationProgress out{.done = done_, .total = rows_.size(), .failures = failures_, .seconds = seconds()};
  if (done_ > 0) out.score = 100 * sum_ / static_cast<double>(done_);
  if (done_ > resumed_)
    out.seconds_left = out.seconds / static_cast<double>(done_ - resumed_) * static_cast<double>(rows_.size() - done_);
  out.usage = used_;
  return out;
}

EvaluationResult Evaluation::result(Usage used) && {
  EvaluationResult out{.confidence = options_.confidence, .metric = options_.metric.name(), .rows = std::move(rows_)};
  std::vector<double> scores;
  scores.reserve(out.rows.size());
  for (const auto& row : out.rows) {
    if (row.is_done) scores.push_back(row.score.value);
  }
  if (!scores.empty()) {
    const auto sum = std::accumulate(scores.begin(), scores.end(), 0.0);
    out.mean = sum / static_cast<double>(scores.size());
    out.score = rounded(100 * sum / static_cast<double>(scores.size()));
  }
  out.interval = score_interval(scores, options_.confidence);
  out.done = scores.size();
  out.failures = failures_;
  out.usage = used;
  out.seconds = seconds();
  out.stopped = std::move(stopped_);
  return out;
}

}  // namespace dspy
