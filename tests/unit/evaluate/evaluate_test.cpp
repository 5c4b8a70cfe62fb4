#include "dspy/evaluate/evaluate.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::vector<Example> questions(int count) {
  std::vector<Example> out;
  for (int i = 0; i < count; ++i)
    out.push_back(Example({{"question", "q" + std::to_string(i)}, {"answer", "a" + std::to_string(i)}}, {"question"}));
  return out;
}

int number_of(const Request& request) {
  const auto text = request.messages.back().text();
  return std::stoi(text.substr(text.find("Question: q") + 11));
}

/// Answers question k with answer k, but for what `answer` says instead.
std::shared_ptr<ScriptedLM> knowing(std::function<std::string(int)> answer = {}) {
  return std::make_shared<ScriptedLM>([answer](const Request& request) -> std::string {
    const int k = number_of(request);
    return "Answer: " + (answer ? answer(k) : "a" + std::to_string(k));
  });
}

Program asking(std::shared_ptr<LM> lm) {
  return Predict("question -> answer", {.lm = std::move(lm), .policy = {.ask_again = 0}});
}

Metric metric_of(const JsonArray& recorded) {
  return Metric("recorded", [&recorded](const Example& example, const Prediction&) -> Score {
    const auto question = test::text_at(example.data, "question");
    const auto& value = recorded[static_cast<std::size_t>(std::stoi(question.substr(1)))];
    if (value == "raise") throw std::runtime_error("boom");
    if (value.is_object() && value.get_object().contains("$prediction"))
      return score_of({.data = value.at("$prediction").as_object()});
    return {.value = test::number_in(value)};
  });
}

bool is_score(const Json& value) {
  if (value == "raise" || value.is_number() || value.is_bool()) return true;
  const auto* const object = value.if_object();
  if (object == nullptr) return false;
  const auto* const prediction = object->if_contains("$prediction");
  return prediction != nullptr && prediction->as_object().contains("score");
}

}  // namespace

TEST_CASE("Evaluate gives what Python DSPy 3.4.1 gives") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("evaluate")) {
    CAPTURE(to_text(row));
    const auto* const metrics = row.if_contains("metric");
    if (row.contains("examples")) {  // so many right of so many
      const auto n = row.at("examples").to_number<int>(), right = row.at("right").to_number<int>();
      const auto result = Evaluate({.metric = metrics::exact_match()})(
          asking(knowing([right](int k) { return k < right ? "a" + std::to_string(k) : "no"; })), questions(n));
      CHECK(result.score == row.at("score").to_number<double>());
      ++compared;
      continue;
    }
    // Not taken over: a score that is not finite or no number fails its example here, and cannot be a failure score.
    const auto& scores = metrics->as_array();
    const auto failure = row.contains("failure_score") ? test::number_in(row.at("failure_score")) : 0;
    const bool is_odd = std::ranges::any_of(scores, [](const Json& score) {
      return !is_score(score) || (score != "raise" && !score.is_object() && !std::isfinite(test::number_in(score))) ||
             (score.is_object() && score.get_object().contains("$float"));
    });
    if (is_odd || !std::isfinite(failure) || scores.empty()) continue;
    ++compared;

    std::vector<std::string> said;
    const auto* const program = row.if_contains("program");
    for (std::size_t i = 0; i < scores.size(); ++i)
      said.push_back(program != nullptr ? std::string(view(program->as_array()[i].as_string())) : "a");
    const auto* const limit = row.if_contains("max_errors");
    const auto result = Evaluate(
        {.metric = metric_of(scores),
         .concurrency = 1,
         .failure_score = failure,
         .max_errors = limit != nullptr && limit->is_number() ? limit->to_number<std::size_t>() : std::size_t{10}})(
        asking(knowing([&](int k) {
          if (said[static_cast<std::size_t>(k)] == "raise") throw Error(Errc::inference_failed, "boom");
          return said[static_cast<std::size_t>(k)];
        })),
        questions(static_cast<int>(scores.size())));

    if (row.contains("error")) {  // Python loses the results; here they are kept, and the run says that it ended
      std::vector<std::int64_t> run;
      for (const auto& index : row.at("programs_run").as_array()) run.push_back(index.as_int64());
      std::vector<std::int64_t> done;
      for (const auto& each : result.rows)
        if (each.is_done) done.push_back(static_cast<std::int64_t>(each.index));
      CHECK(done == run);
      CHECK(result.stopped.has_value() == (run.size() < scores.size()));
      continue;
    }
    CHECK(result.is_complete());
    CHECK(result.score == test::number_in(row.at("score")));
    const auto* const results = row.if_contains("results");
    for (std::size_t i = 0; results != nullptr && i < result.rows.size(); ++i) {
      const auto& expected = results->as_array()[i].as_object();
      const auto& score = expected.at("score");
      const auto* const prediction = score.is_object() ? score.get_object().if_contains("$prediction") : nullptr;
      CHECK(result.rows[i].score.value == test::number_in(prediction != nullptr ? prediction->at("score") : score));
      CHECK(result.rows[i].error.has_value() == expected.at("answer").is_null());
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("Rows have the dataset's order, whatever the concurrency, and know what each took") {
  for (const std::size_t concurrency : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    CAPTURE(concurrency);
    const auto lm = knowing([](int k) { return k % 3 == 0 ? "no" : "a" + std::to_string(k); });
    const auto result =
        Evaluate({.metric = metrics::exact_match(), .concurrency = concurrency})(asking(lm), questions(30));

    CHECK(result.score == 66.67);
    CHECK(result.mean == doctest::Approx(20.0 / 30));
    CHECK(result.metric == "exact_match");
    CHECK(result.is_complete());
    CHECK(result.usage.requests == 30);
    REQUIRE(result.rows.size() == 30);
    for (int i = 0; i < 30; ++i) {
      const auto& row = result.rows[static_cast<std::size_t>(i)];
      CHECK(test::text_at(row.example.data, "question") == "q" + std::to_string(i));
      CHECK(row.score.value == (i % 3 == 0 ? 0 : 1));
      CHECK(row.usage.requests == 1);
    }
    REQUIRE(result.interval.has_value());
    CHECK(result.interval->low == doctest::Approx(100 * statistics::wilson(20, 30).low));
  }
}

TEST_CASE("A failing program or metric fails its example alone, and keeps its reason") {
  const auto lm = knowing([](int k) -> std::string {
    if (k == 2) throw Error(Errc::rate_limit_exceeded, "slow down");
    return "a";
  });
  const Metric metric("picky", [](const Example& example, const Prediction&) -> double {
    if (*example.get("question") == "q3") throw std::runtime_error("cannot say");
    if (*example.get("question") == "q4") return std::numeric_limits<double>::quiet_NaN();
    return 1;
  });
  const auto result = Evaluate({.metric = metric, .failure_score = -1})(asking(lm), questions(6));

  CHECK(result.failures == 3);
  CHECK(result.done == 6);
  CHECK(result.score == 0);
  CHECK(result.rows[2].error->code() == Errc::rate_limit_exceeded);
  CHECK_FALSE(result.rows[2].metric_failed);
  CHECK(std::string(result.rows[3].error->what()) == "cannot say");
  CHECK(result.rows[3].metric_failed);
  CHECK(result.rows[3].prediction.at("answer") == "a");
  CHECK(std::string(result.rows[4].error->what()) == "the metric `picky` returned nan; return a finite number");
}

TEST_CASE("An evaluation that must end keeps what is done, and fails no example for it") {
  const auto lm = knowing();
  const auto budget = std::make_shared<Budget>(Budget::Limits{.requests = 4});
  const auto spent = Evaluate({.metric = metrics::exact_match(), .concurrency = 1, .context = {.budget = budget}})(
      asking(lm), questions(9));
  CHECK(spent.done == 4);
  CHECK(spent.failures == 0);
  CHECK(spent.score == 100);
  CHECK(spent.stopped->code() == Errc::token_budget_exhausted);
  CHECK_FALSE(spent.is_complete());
  CHECK_THROWS_AS(spent.require_complete(), Error);

  std::stop_source stop;
  stop.request_stop();
  const auto stopped =
      Evaluate({.metric = metrics::exact_match(), .context = {.stop = stop.get_token()}})(asking(lm), questions(3));
  CHECK(stopped.done == 0);
  CHECK_FALSE(stopped.interval.has_value());
  CHECK(stopped.stopped->code() == Errc::cancelled);

  const auto late = Evaluate({.metric = metrics::exact_match(),
                              .context = {.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1)}})(
      asking(lm), questions(3));
  CHECK(late.stopped->code() == Errc::deadline_exceeded);

  const auto broken = knowing([](int) -> std::string { throw Error(Errc::inference_failed, "no"); });
  const auto given_up =
      Evaluate({.metric = metrics::exact_match(), .concurrency = 1, .max_errors = 3})(asking(broken), questions(9));
  CHECK(given_up.done == 3);
  CHECK(given_up.failures == 3);
  CHECK(given_up.stopped.has_value());
}

TEST_CASE("Metrics may be coroutines, look at the trace, or measure many at once") {
  const Metric late("late", [](const Example&, const Prediction& made) -> Async<Score> {
    const bool is_right = made.at("answer") == "a1";
    co_return Score{.value = is_right ? 1.0 : 0.0, .feedback = "seen"};
  });
  const auto slow = Evaluate({.metric = late})(asking(knowing()), questions(4));
  CHECK(slow.score == 25);
  CHECK(slow.rows[0].score.feedback == "seen");

  const Metric by_trace("steps", [](const Example&, const Prediction&, const std::vector<TraceStep>* trace) -> double {
    return trace == nullptr ? -1 : static_cast<double>(trace->size());
  });
  const auto traced = Evaluate({.metric = by_trace, .keeps_traces = true})(asking(knowing()), questions(3));
  CHECK(traced.mean == 1);
  CHECK(traced.rows[2].trace[0].path == "self");
  CHECK(traced.rows[2].trace[0].inputs.at("question") == "q2");
  CHECK(traced.rows[2].trace[0].prediction.at("answer") == "a2");

  std::vector<std::size_t> sizes;
  const Metric batched("together", [&sizes](std::span<const MetricInput> inputs) {
    sizes.push_back(inputs.size());
    std::vector<Score> out;
    for (const auto& input : inputs) {
      if (*input.example.get("question") == "q5") throw std::runtime_error("not this one");
      out.push_back({.value = 1});
    }
    return out;
  });
  const auto together = Evaluate({.metric = batched, .batch_size = 4})(asking(knowing()), questions(10));
  CHECK(together.done == 10);
  CHECK(together.failures == 1);
  CHECK(together.rows[5].metric_failed);
  CHECK(together.score == 90);
  CHECK(std::ranges::max(sizes) == 4);
}

TEST_CASE("Progress is told after each example") {
  std::vector<EvaluationProgress> told;
  Evaluate({.metric = metrics::exact_match(), .concurrency = 1, .progress = [&](const EvaluationProgress& progress) {
              told.push_back(progress);
            }})(asking(knowing([](int k) { return k == 0 ? "no" : "a" + std::to_string(k); })), questions(4));
  REQUIRE(told.size() == 4);
  CHECK(told[0].score == 0);
  CHECK(told[3].score == 75);
  CHECK(told[3].done == 4);
  CHECK(told[3].seconds_left == 0);
  CHECK(told[1].usage.requests == 2);
}

TEST_CASE("Options and examples that make no sense are refused") {
  const auto program = asking(knowing());
  const auto metric = metrics::exact_match();
  CHECK_THROWS_WITH_AS(Evaluate({.metric = metric})(program, {}),
                       "there are no examples to evaluate on; give at least one", Error);
  CHECK_THROWS_AS(Evaluate({})(program, questions(1)), Error);
  CHECK_THROWS_AS(Evaluate({.metric = metric, .concurrency = 0})(program, questions(1)), Error);
  CHECK_THROWS_AS(Evaluate({.metric = metric, .max_errors = 0})(program, questions(1)), Error);
  CHECK_THROWS_AS(Evaluate({.metric = metric, .confidence = 1})(program, questions(1)), Error);
  CHECK_THROWS_WITH_AS(
      Evaluate({.metric = metric})(program, {Example({{"question", "?"}}, std::vector<std::string>{})}),
      "example 0 does not say which of its values are inputs; name them (`with_inputs`)", Error);
  const auto one = Evaluate({.metric = metric})(program, questions(1));
  CHECK(one.score == 100);
  CHECK_FALSE(one.interval.has_value());
  CHECK(wait(aevaluate(program, questions(2), {.metric = metric})).score == 100);
}
