// Instructions and rules that are screened by likelihood, and stopped early.

#include "dspy/base/async.hpp"
#include "dspy/lm/likelihood.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "random_search.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using namespace dspy;
using namespace dspy::test::search;

namespace {

/// Writes instructions, of which the third has the word, and answers by instructions.
class Writing final : public LM, public LikelihoodLM {
 public:
  /// `is_right` says whether it answers right under these instructions.
  explicit Writing(std::function<bool(std::string_view instructions)> is_right)
      : inner_(std::make_shared<ScriptedLM>([is_right](const Request& request) -> std::string {
          const auto& outputs = request.contract.signature->outputs;
          if (outputs.front().name == "answer") {
            const auto asked = test::asked_by_messages(request);
            return is_right(asked.instructions) ? std::format("Answer: a{}", asked.question) : "Answer: wrong";
          }
          std::string reply;
          const auto number = request.sampling.seed.value_or(0);
          for (const auto& field : outputs) {
            const auto text = number == 3 ? std::string("Use the magic word.") : std::format("Try number {}.", number);
            reply += std::format("{}: {}\n", field.label, field.name == "proposed_label" ? "Answer" : text);
          }
          return reply;
        })) {
    inner_->remember(false);
  }

  std::string_view model() const noexcept override { return "writing"; }
  Async<Reply> complete(Request request) override { return inner_->complete(std::move(request)); }
  Async<ReplyLikelihood> likelihood(Request request, std::string) override {
    const bool has_word = test::asked_by_messages(request).instructions.contains("magic");
    return [](double logprob) -> Async<ReplyLikelihood> {
      co_return ReplyLikelihood{.logprob = logprob, .tokens = 2, .usage = {.requests = 1, .prompt_tokens = 5}};
    }(has_word ? -1 : -9);
  }

 private:
  std::shared_ptr<ScriptedLM> inner_;
};

bool has_word(std::string_view instructions) {
  return instructions.contains("magic");
}
bool is_plain(std::string_view instructions) {
  return !instructions.contains("Try") && !instructions.contains("magic");
}

template <class Optimizer>
Optimized found_by(const Optimizer& optimizer, bool (*is_right)(std::string_view), std::size_t concurrency = 8) {
  SearchOptions search{.concurrency = concurrency};
  search.seeds_requests = false;
  return optimizer.compile(
      with_lm(Program(test::One()), std::make_shared<Writing>(is_right)),
      {.trainset = test::examples_of(12), .valset = test::examples_of(40, 100), .search = std::move(search)});
}

std::size_t measured(const Optimized& found) {
  return static_cast<std::size_t>(
      std::ranges::count_if(found.report.candidates, [](const auto& each) { return each.score.has_value(); }));
}

std::size_t screened(const Optimized& found) {
  return found.report.details.at("screening").as_object().at("candidates").as_array().size();
}

}  // namespace

TEST_CASE("Of sets of rules only the likeliest are measured") {
  const InferRules optimizer(
      {.metric = test::exact_match(), .num_candidates = 6, .max_labeled_demos = 0, .screen_to = 2});
  const auto found = found_by(optimizer, has_word);
  CHECK(*found.report.score() == 1);
  CHECK(measured(found) == 2 + 2);
  CHECK(screened(found) == 6);
}

TEST_CASE("Of a round's instructions only the likeliest are measured, and the report has all rounds") {
  const Copro optimizer({.metric = test::exact_match(), .breadth = 5, .depth = 2, .screen_to = 1});
  const auto found = found_by(optimizer, has_word);
  CHECK(*found.report.score() == 1);
  CHECK(measured(found) == 1 + 2);
  CHECK(screened(found) == 10);
}

TEST_CASE("Instructions and rules that cannot win are stopped, at any concurrency the same") {
  const auto check = [](const auto& optimizer) {
    const Optimized one = found_by(optimizer, is_plain, 1), many = found_by(optimizer, is_plain, 64);
    CHECK(outcome(one) == outcome(many));
    CHECK(*one.report.score() == 1);
    CHECK(one.report.details.at("stopped_early").to_number<int>() >= 4);
    CHECK(one.report.rollouts == many.report.rollouts);
  };
  check(Copro({.metric = test::exact_match(), .breadth = 5, .depth = 2, .race = 0.05}));
  check(InferRules({.metric = test::exact_match(), .num_candidates = 6, .max_labeled_demos = 0, .race = 0.05}));
}

TEST_CASE("Options of screening and racing out of range are refused") {
  CHECK_THROWS_AS(found_by(Copro({.metric = test::exact_match(), .screen_to = 0}), has_word), Error);
  CHECK_THROWS_AS(found_by(InferRules({.metric = test::exact_match(), .race = 1.0}), has_word), Error);
}
