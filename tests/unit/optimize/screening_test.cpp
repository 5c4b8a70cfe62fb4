// Candidates that are screened by likelihood, stopped early, priced, and decoded differently.

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/likelihood.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/kernel/rollout.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "random_search.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::test::search;

namespace {

/// More demonstrations are better: right for questions of a number below ten for each.
std::string by_demonstrations(const test::Asked& asked) {
  return asked.question % 40 < 10 * (1 + asked.shown.size()) ? std::format("a{}", asked.question) : "wrong";
}

/// Finds right answers likelier the more demonstrations there are.
class Knowing final : public LM, public LikelihoodLM {
 public:
  std::string_view model() const noexcept override { return "knowing"; }
  Async<Reply> complete(Request request) override { return inner_->complete(std::move(request)); }
  Async<ReplyLikelihood> likelihood(Request request, std::string reply) override {
    return [](Request wanted, std::string text, std::shared_ptr<std::atomic<int>> count) -> Async<ReplyLikelihood> {
      ++*count;
      const auto question = test::asked_by_messages(wanted);
      CHECK(text == std::format("Answer: a{}", question.question));
      co_return ReplyLikelihood{.logprob = -10.0 / static_cast<double>(1 + question.shown.size()),
                                .tokens = 2,
                                .usage = {.requests = 1, .prompt_tokens = 5}};
    }(std::move(request), std::move(reply), asked);
  }

  std::shared_ptr<std::atomic<int>> asked = std::make_shared<std::atomic<int>>(0);

 private:
  std::shared_ptr<LM> inner_ = test::model_of(by_demonstrations);
};

Training training_of(std::size_t rows, SearchOptions search = {}) {
  return {.trainset = test::examples_of(12), .valset = test::examples_of(rows, 100), .search = std::move(search)};
}

RandomSearchOptions labelled_search() {
  return {
      .metric = test::exact_match(), .max_bootstrapped_demos = 2, .max_labeled_demos = 3, .num_candidate_programs = 6};
}

}  // namespace

TEST_CASE(
    "Only candidates under which the right answers are likeliest are measured, and the report says how well it did") {
  const auto lm = std::make_shared<Knowing>();
  auto options = labelled_search();
  options.screen_to = 3;
  const auto found =
      BootstrapFewShotWithRandomSearch(options).compile(with_lm(Program(test::One()), lm), training_of(40));
  const auto measured =
      std::ranges::count_if(found.report.candidates, [](const auto& each) { return each.score.has_value(); });
  CHECK(measured == 1 + 3);
  CHECK(*lm->asked == 8 * 40);
  const auto& screening = found.report.details.at("screening").as_object();
  CHECK(screening.at("candidates").as_array().size() == 8);
  const auto all =
      BootstrapFewShotWithRandomSearch(labelled_search()).compile(with_lm(Program(test::One()), lm), training_of(40));
  CHECK(found.report.score() == all.report.score());
}

TEST_CASE("What cannot be screened is measured, with a note") {
  auto options = labelled_search();
  options.screen_to = 1;
  const auto found = BootstrapFewShotWithRandomSearch(options).compile(
      with_lm(Program(test::One()), test::model_of(by_demonstrations)), training_of(8));
  CHECK(std::ranges::all_of(found.report.candidates, [](const auto& each) { return each.score.has_value(); }));
  CHECK(std::ranges::any_of(found.report.notes, [](const auto& note) { return note.contains("how likely"); }));
  const auto two =
      BootstrapFewShotWithRandomSearch(options).compile(student(std::make_shared<Knowing>()), training_of(8));
  CHECK(
      std::ranges::any_of(two.report.notes, [](const auto& note) { return note.contains("more than one predictor"); }));
}

TEST_CASE("A race stops candidates that cannot win, at any concurrency the same, and finds the same best") {
  // Without demonstrations all is right.
  const auto worse_with = [](const test::Asked& asked) {
    return asked.shown.empty() ? std::format("a{}", asked.question) : std::string("wrong");
  };
  auto options = labelled_search();
  options.race = 0.05;
  const auto run = [&](std::size_t concurrency) {
    return BootstrapFewShotWithRandomSearch(options).compile(with_lm(Program(test::One()), test::model_of(worse_with)),
                                                             training_of(100, {.concurrency = concurrency}));
  };
  const auto one = run(1), many = run(64);
  CHECK(outcome(one) == outcome(many));
  CHECK(one.report.rollouts == many.report.rollouts);
  CHECK(*one.report.score() == 1);
  CHECK(one.report.details.at("stopped_early").to_number<int>() == 8);
  CHECK(one.report.rollouts < 100 + 8 * 40 + 12);
  options.race = 1.5;
  CHECK_THROWS_AS(run(1), Error);
}

TEST_CASE("A metric that leaves 0 to 1 stops no candidate") {
  auto options = labelled_search();
  options.race = 0.05;
  options.metric = {"points", [](const Example& example, const Prediction& prediction) {
                      return *example.get("answer") == prediction.at("answer") ? 5.0 : 0.0;
                    }};
  const auto found = BootstrapFewShotWithRandomSearch(options).compile(
      with_lm(Program(test::One()), test::model_of(by_demonstrations)), training_of(40));
  CHECK(std::ranges::all_of(found.report.candidates, [](const auto& each) { return each.score.has_value(); }));
}

TEST_CASE("With a price of tokens, a longer prompt must be worth it") {
  const auto lm = test::model_of(by_demonstrations);
  const auto free =
      BootstrapFewShotWithRandomSearch(labelled_search()).compile(with_lm(Program(test::One()), lm), training_of(40));
  auto priced = training_of(40);
  priced.search.price = {.per_1000_tokens = 100};
  const auto found =
      BootstrapFewShotWithRandomSearch(labelled_search()).compile(with_lm(Program(test::One()), lm), priced);
  CHECK(found.report.score() < free.report.score());
  CHECK(found.report.candidates[*found.report.chosen].tokens < free.report.candidates[*free.report.chosen].tokens);
  CHECK(found.report.candidates[*found.report.chosen].value.has_value());
  CHECK_FALSE(free.report.candidates[*free.report.chosen].value.has_value());
  priced.search.price = {.per_second = -1};
  CHECK_THROWS_AS(
      BootstrapFewShotWithRandomSearch(labelled_search()).compile(with_lm(Program(test::One()), lm), priced), Error);
}

TEST_CASE("MIPROv2 searches how to decode, too") {
  const auto lm = std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    if (!request.contract.signature || request.contract.signature->outputs.front().name != "answer") return "Use care.";
    const auto asked = test::asked_by(request);
    return request.sampling.top_k == 7 ? std::format("Answer: a{}", asked.question) : "Answer: wrong";
  });
  lm->remember(false);
  MiproOptions options{.metric = test::exact_match(),
                       .effort = std::nullopt,
                       .num_candidates = 2,
                       .num_trials = 8,
                       .max_bootstrapped_demos = 0,
                       .max_labeled_demos = 0,
                       .minibatch = false,
                       .samplings = {{.top_k = 3}, {.top_k = 7}}};
  const auto found = MiproV2(options).compile(with_lm(Program(test::One()), lm), training_of(6));
  CHECK(*found.report.score() == 1);
  found.program.for_each_predictor(
      [](const std::string&, const Predictor& predictor) { CHECK(predictor.sampling().top_k == 7); });
  options.samplings = {{.top_p = -1}};
  CHECK_THROWS_AS(MiproV2{options}, Error);
}

TEST_CASE("Programs that decode, decide or retry differently are different to the kernel") {
  const auto digest_with = [](const std::function<void(Predictor&)>& change) {
    Program program = test::One();
    program.for_each_predictor([&](const std::string&, Predictor& predictor) { change(predictor); });
    return optimize::digest(program);
  };
  const auto plain = digest_with([](Predictor&) {});
  CHECK(plain == digest_with([](Predictor&) {}));
  CHECK(plain != digest_with([](Predictor& predictor) { predictor.set_sampling({.top_k = 3}); }));
  CHECK(plain !=
        digest_with([](Predictor& predictor) { predictor.set_sampling({.field_temperatures = {{"answer", 0.5}}}); }));
  CHECK(plain != digest_with([](Predictor& predictor) { predictor.set_policy({.ask_again = 0}); }));
}
