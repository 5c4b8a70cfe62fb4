// Each optimizer on models whose best prompt is known: it finds it, whatever the concurrency, and after interruptions.

#include "all_optimizers.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/finetune_data.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/knn_few_shot.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/simba.hpp"
#include "magic_world.hpp"
#include "support/folder.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

using namespace dspy;
using namespace dspy::test::magic;

TEST_CASE("Every optimizer finds what is known to be best, and says what it took") {
  for (const auto& [name, optimizer, reaches] : all()) {
    CAPTURE(name);
    const Models models;
    const auto program = student(models.make());
    const auto before = optimize::digest(program);
    const auto optimized = optimizer(program, training());
    CHECK(optimize::digest(program) == before);
    REQUIRE(optimized.report.score().has_value());
    CHECK(*optimized.report.score() >= reaches);
    CHECK(optimized.report.usage.requests == models.paid->load());
    CHECK(optimized.report.stopped.empty());
    double best = 0;
    for (const auto& each : optimized.report.candidates) best = std::max(best, each.score.value_or(0));
    CHECK(*optimized.report.score() == best);
    CHECK(to_text(optimize::prompts_of(optimized.program)) ==
          to_text(optimized.report.candidates[*optimized.report.chosen].prompts));
  }
}

TEST_CASE("Every optimizer finds the same at any concurrency") {
  for (const auto& [name, optimizer, reaches] : all()) {
    CAPTURE(name);
    const Models one, many;
    CHECK(outcome(optimizer(student(one.make()), training({.concurrency = 1}))) ==
          outcome(optimizer(student(many.make()), training({.concurrency = 64}))));
    CHECK(one.paid->load() == many.paid->load());
  }
}

TEST_CASE("Every optimizer that is interrupted goes on, pays for nothing twice, and ends at the same") {
  for (const auto& [name, optimizer, reaches] : all()) {
    CAPTURE(name);
    const Models undisturbed;
    const auto expected = outcome(optimizer(student(undisturbed.make()), training()));
    const test::Folder folder;
    const Models models;
    std::string found;
    std::uint64_t counted = 0;
    for (std::uint64_t attempts = 0; found.empty(); ++attempts) {
      REQUIRE(attempts < 500);
      const auto result = attempt([&] {
        return optimizer(student(models.make(1 + attempts * 7 % 23)), training({.checkpoint = folder.path / "run"}));
      });
      if (!result || !result->report.stopped.empty()) continue;
      found = outcome(*result);
      counted = result->report.usage.requests;
    }
    CHECK(found == expected);
    CHECK(models.paid->load() == undisturbed.paid->load());
    CHECK(counted == undisturbed.paid->load());
  }
}

TEST_CASE("No optimizer goes beyond its limit of requests") {
  for (const auto& [name, optimizer, reaches] : all()) {
    CAPTURE(name);
    for (const std::uint64_t limit : {20U, 45U, 90U}) {
      const Models models;
      const auto result =
          attempt([&] { return optimizer(student(models.make()), training({.limits = {.requests = limit}})); });
      CHECK(models.paid->load() <= limit);
      if (result) CHECK(result->report.usage.requests <= limit);
    }
  }
}

TEST_CASE("InferRules returns the rules that were measured as the best, not the last ones") {
  const Models models;
  const auto optimized = InferRules({.metric = test::exact_match(), .num_candidates = 6, .max_labeled_demos = 0})
                             .compile(student(models.make()), training());
  optimized.program.for_each_predictor([](const std::string&, const Predictor& predictor) {
    CHECK(predictor.signature().instructions.find("magic") != std::string::npos);
  });
}

TEST_CASE("More trials search more, and other seeds other minibatches") {
  const auto run = [](std::size_t trials, std::uint64_t seed) {
    const Models models;
    return MiproV2({.metric = test::exact_match(),
                    .effort = {},
                    .num_candidates = 6,
                    .num_trials = trials,
                    .seed = seed,
                    .minibatch_size = 5})
        .compile(student(models.make()), training())
        .report;
  };
  const auto few = run(4, 1);
  CHECK(run(24, 1).candidates.size() > few.candidates.size());
  CHECK(to_text(run(4, 2).details.at("trials")) != to_text(few.details.at("trials")));
  CHECK(run(4, 0).options.at("seed") == 0);  // a seed of 0 is one
}

TEST_CASE("Training data for a model are the conversations that came out well") {
  const test::Folder folder;
  const Models models;
  const auto data = finetune_data(student(models.make()), training(), {.metric = test::exact_match()});
  CHECK(data.examples == 4);
  REQUIRE(data.rows.size() == 4);
  CHECK(data.rows[1].predictor == "answer");
  CHECK(data.rows[1].messages.back().role == Role::assistant);
  CHECK(test::text_of(data.rows[1].messages.back()) == "Answer: a3");
  CHECK(test::text_of(data.rows[1].messages[data.rows[1].messages.size() - 2]).find("Question: q3") == 0);
  data.write(folder.path / "train.jsonl");
  const auto text = folder.read("train.jsonl");
  CHECK(std::ranges::count(text, '\n') == 4);
  CHECK(parse_json(text.substr(0, text.find('\n')))->at("messages").as_array().size() >= 2);
  data.write(folder.path / "train.jsonl", true);
  CHECK(folder.read("train.answer.jsonl") == text);
}

TEST_CASE("BetterTogether knows its stages") {
  CHECK_THROWS_WITH_AS(BetterTogether({.metric = test::exact_match(), .strategy = "p -> w"}),
                       "the strategy names the optimizer `p`; there are none", Error);
  CHECK_THROWS_WITH_AS(BetterTogether({.metric = test::exact_match(), .strategy = " -> p"}),
                       "the strategy ` -> p` has an empty part; write an optimizer on each side of `->`", Error);
}

TEST_CASE("Options out of range are refused when they are given") {
  const auto metric = test::exact_match();
  CHECK_THROWS_AS(Copro({.metric = metric, .breadth = 1}), Error);
  CHECK_THROWS_AS(Gepa({.metric = metric}), Error);
  CHECK_THROWS_AS(Gepa({.metric = metric, .effort = Effort::light, .max_metric_calls = 10}), Error);
  CHECK_THROWS_AS(MiproV2({.metric = metric, .effort = {}}), Error);
  CHECK_THROWS_AS(MiproV2({.metric = metric, .num_trials = 3}), Error);
  CHECK_THROWS_AS(Simba({.metric = metric, .bsize = 0}), Error);
  const Models models;
  CHECK_THROWS_WITH_AS(Simba({.metric = metric}).compile(student(models.make()), training()),
                       "SIMBA's steps of 32 examples are larger than the training set of 12; set `.bsize`", Error);
  CHECK_THROWS_AS(MiproV2({.metric = metric, .effort = {}, .num_candidates = 2, .num_trials = 2, .minibatch_size = 40})
                      .compile(student(models.make()), training()),
                  Error);
}

namespace {

/// Counts the characters of a text by their codes.
class CountingEmbedder final : public Embedder {
 public:
  std::string_view model() const noexcept override { return "counting"; }
  std::size_t dimensions() const noexcept override { return 16; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (const auto& text : request.texts) {
      auto& vector = out.vectors.emplace_back(16, 0.0F);
      for (const char c : text) vector[static_cast<unsigned char>(c) % 16] += 1;
    }
    return now(std::move(out));
  }

 private:
  static Async<Embeddings> now(Embeddings embeddings) { co_return embeddings; }
};

}  // namespace

TEST_CASE("KNNFewShot shows each question its neighbours, and is measured against the student") {
  const Models models;
  const auto embedder = std::make_shared<CountingEmbedder>();
  const auto optimized = KnnFewShot({.k = 3, .embedder = embedder, .bootstrap = {.metric = test::exact_match()}})
                             .compile(student(models.make()), training());
  REQUIRE(optimized.report.candidates.size() == 2);
  CHECK(*optimized.report.score() >= *optimized.report.candidates[0].score);
  CHECK(test::number(optimized.report.details.at("bootstrapped")) > 4);
  std::size_t shown = 0;
  const auto lm = test::model_of([&](const test::Asked& asked) {
    shown = asked.shown.size();
    return "a1";
  });
  with_lm(optimized.program, lm)({{"question", "q101"}});
  if (optimized.report.chosen == 1) CHECK(shown == 3);
  CHECK_THROWS_AS(KnnFewShot({.k = 3, .embedder = nullptr}), Error);
}
