#include "dspy/base/error.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "optimize/kernel/records/checkpoint_record.hpp"
#include "random_search.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>

using namespace dspy;
using namespace dspy::test::search;

TEST_CASE("Bad input gets a clear error") {
  const auto program = student(test::model_of(answer));
  const BootstrapFewShotWithRandomSearch optimizer(options());
  CHECK_THROWS_WITH_AS(optimizer.compile(program, {}),
                       "BootstrapFewShotWithRandomSearch needs examples: the training set is empty", Error);
  CHECK_THROWS_WITH_AS(optimizer.compile(program, training({.limits = {.requests = 0}})),
                       "a budget of 0 allows nothing to be tried; leave the limit unset, or allow at least 1", Error);
  CHECK_THROWS_AS(optimizer.compile(program, training({.concurrency = 0})), Error);
  CHECK_THROWS_AS(BootstrapFewShotWithRandomSearch(RandomSearchOptions{}).compile(program, training()), Error);
  auto unnamed = training();
  unnamed.trainset[3].input_keys.clear();
  CHECK_THROWS_WITH_AS(optimizer.compile(program, unnamed),
                       "example 3 of the training set does not say which of its values are inputs; make it as "
                       "Example(data, {\"question\"})",
                       Error);
  struct Nothing {
    Async<Prediction> run(JsonObject, Run) const { co_return Prediction(); }
  };
  CHECK_THROWS_WITH_AS(optimizer.compile(Nothing(), training()),
                       "BootstrapFewShotWithRandomSearch has nothing to optimize: the program has no predictors",
                       Error);
}

TEST_CASE("A metric that always fails is an error; one that fails sometimes costs those examples") {
  auto broken = options();
  broken.metric = Metric(
      "broken", [](const Example&, const Prediction&) -> double { return std::numeric_limits<double>::quiet_NaN(); });
  const auto program = student(test::model_of(answer));
  const auto result = attempt([&] { return BootstrapFewShotWithRandomSearch(broken).compile(program, training()); });
  REQUIRE_FALSE(result.has_value());
  CHECK(std::string(result.error().what()).starts_with("the metric `broken` failed on every example"));
  auto moody = options();
  moody.metric = Metric("moody", [](const Example& example, const Prediction&) {
    if (test::number_of(example) == 104) throw std::runtime_error("not this one");
    return 1.0;
  });
  const auto optimized = BootstrapFewShotWithRandomSearch(moody).compile(program, training());
  CHECK(*optimized.report.score() == doctest::Approx(0.9));
}

TEST_CASE("One example is enough where nothing has to be divided") {
  auto one = training();
  one.trainset.resize(1);
  one.valset.clear();
  const auto optimized = BootstrapFewShotWithRandomSearch(options()).compile(student(test::model_of(answer)), one);
  CHECK(optimized.report.score().has_value());
  CHECK(optimized.report.notes.front().starts_with("there is no validation set"));
}

TEST_CASE("A report is JSON, a page and lines") {
  const auto optimized =
      BootstrapFewShotWithRandomSearch(options()).compile(student(test::model_of(answer)), training());
  const auto json = to_json(optimized.report);
  CHECK(json.at("candidates").as_array().size() == optimized.report.candidates.size());
  CHECK(json.at("score").to_number<double>() == *optimized.report.score());
  const auto page = optimize::to_html(optimized.report);
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(page.find("<svg") != std::string::npos);
  CHECK(page.find("http") == std::string::npos);
  CHECK(optimize::to_line({.kind = optimize::Event::Kind::evaluated,
                           .candidate = 3,
                           .score = 0.5,
                           .best = 0.75,
                           .text = "labelled demonstrations",
                           .used = {.requests = 12}}) ==
        "12 calls · 0 tokens · best 75 % · #3 measured: 50 % (labelled demonstrations)");
}

TEST_CASE("A line of a checkpoint that no search writes is an error that names what is wrong") {
  const auto read = [](JsonObject record) { return optimize::checkpoint_record_from_json(record); };
  CHECK(read({{"kind", "score"}, {"key", "a"}, {"score", JsonObject{{"value", 0.5}}}}).score->score.value == 0.5);
  CHECK(read({{"kind", "of another version"}, {"key", "a"}}).key == "a");
  CHECK_THROWS_WITH_AS(
      read({{"kind", "score"}, {"key", "a"}, {"score", JsonObject{{"value", "high"}}}}),
      "a score in the checkpoint has no number `value`; the file was changed by something else: remove "
      "it to begin anew, or name another file",
      Error);
  CHECK_THROWS_WITH_AS(
      read({{"kind", "rollout"}, {"key", "a"}, {"rollout", JsonArray()}}),
      "a line of the checkpoint has no object `rollout`: the file was changed by something else; remove "
      "it to begin anew, or name another file",
      Error);
  const JsonObject rollout = {{"outputs", JsonObject()}, {"steps", JsonArray{1}}, {"usage", JsonObject()}};
  CHECK_THROWS_WITH_AS(read({{"kind", "rollout"}, {"key", "a"}, {"rollout", rollout}}),
                       "a run in the checkpoint has no list of objects `steps`; the file was changed by something else",
                       Error);
  CHECK_THROWS_AS(read({{"kind", "reply"}, {"key", 7}}), Error);
}
