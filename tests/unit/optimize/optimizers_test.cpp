// Each optimizer on models whose best prompt is known: it finds it, whatever the concurrency, and after interruptions.

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
#include "support/folder.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>

using namespace dspy;

namespace {

/// Right if the instruction has the word, or a demonstration of the same remainder is shown; else for every third
/// question, and others at other draws.
std::string worker(const test::Asked& asked) {
  bool is_right = asked.instructions.find("magic") != std::string::npos || (asked.question + asked.draw) % 3 == 0;
  for (const auto k : asked.shown) is_right = is_right || k % 3 == asked.question % 3;
  return is_right ? std::format("a{}", asked.question) : "wrong";
}

/// What a model writes that is asked for prompts: now and then the word is in it.
std::string writer(const Request& request) {
  const auto seed = request.sampling.seed.value_or(0);
  std::string reply;
  for (const auto& field : request.contract.signature->outputs) {
    std::string value = "words of number " + std::to_string(seed);
    if (field.name == "proposed_instruction" || field.name == "new_instruction" || field.name == "rules") {
      value = seed % 4 == 3 ? "Use the magic word." : "Try number " + std::to_string(seed % 7) + ".";
    } else if (field.name == "proposed_label") {
      value = "Answer";
    } else if (field.name == "advice") {
      value = seed % 2 == 0 ? R"({"answer": "Use the magic word."})" : R"({"answer": "Take care."})";
    }
    reply += field.label + ": " + value + "\n";
  }
  return reply;
}

/// One model for both, which counts and may fail for good after some requests.
struct Models {
  std::shared_ptr<std::atomic<std::uint64_t>> paid = std::make_shared<std::atomic<std::uint64_t>>(0);

  std::shared_ptr<LM> make(std::uint64_t last = std::numeric_limits<std::uint64_t>::max()) const {
    auto given = std::make_shared<std::atomic<std::uint64_t>>(0);
    const auto answers = test::model_of(worker);
    auto lm = std::make_shared<ScriptedLM>([paid = paid, given, answers, last](const Request& request) -> Reply {
      if (given->fetch_add(1) >= last) throw Error(Errc::billing_error, "the money is gone");
      paid->fetch_add(1);
      const auto& output = request.contract.signature->outputs.front().name;
      if (output == "answer" || output == "hint") return wait(answers->complete(request));
      return Reply(Completion{.text = writer(request)}, {.requests = 1, .prompt_tokens = 10, .completion_tokens = 5});
    });
    lm->remember(false);
    return lm;
  }
};

struct Named {
  std::string_view name;
  AnyOptimizer optimizer;
  double reaches;  ///< On the validation set.
};

std::vector<Named> all() {
  const auto metric = test::exact_match();
  const auto with_feedback = Metric("with feedback", [](const Example& gold, const Prediction& made) {
    const bool is_right = *gold.get("answer") == made.at("answer");
    return Score{.value = is_right ? 1.0 : 0.0, .feedback = is_right ? "Right." : "Use the magic word."};
  });
  return {
      {"labeled", any_optimizer(LabeledFewShot({.k = 6, .metric = metric})), 0.9},
      {"bootstrap", any_optimizer(BootstrapFewShot({.metric = metric, .max_labeled_demos = 6})), 0.9},
      {"random search",
       any_optimizer(
           BootstrapFewShotWithRandomSearch({.metric = metric, .max_labeled_demos = 4, .num_candidate_programs = 4})),
       0.99},
      {"optuna",
       any_optimizer(BootstrapFewShotWithOptuna({.metric = metric,
                                                 .max_bootstrapped_demos = 6,
                                                 .max_labeled_demos = 6,
                                                 .num_candidate_programs = 16,
                                                 .max_demos = 3})),
       0.99},
      {"copro", any_optimizer(Copro({.metric = metric, .breadth = 5, .depth = 2})), 0.99},
      {"mipro", any_optimizer(MiproV2({.metric = metric, .effort = Effort::light})), 0.99},
      {"mipro, minibatches",
       any_optimizer(MiproV2({.metric = metric,
                              .effort = {},
                              .num_candidates = 5,
                              .num_trials = 15,
                              .minibatch_size = 5,
                              .minibatch_full_eval_steps = 3})),
       0.99},
      {"simba", any_optimizer(Simba({.metric = metric, .bsize = 6, .num_candidates = 3, .max_steps = 4})), 0.99},
      {"gepa", any_optimizer(Gepa({.metric = with_feedback, .max_metric_calls = 160})), 0.99},
      {"infer rules", any_optimizer(InferRules({.metric = metric, .num_candidates = 4, .max_labeled_demos = 0})), 0.99},
      {"together",
       any_optimizer(
           BetterTogether({.metric = metric,
                           .optimizers = {{"p", any_optimizer(BootstrapFewShot({.metric = metric}))},
                                          {"i", any_optimizer(Copro({.metric = metric, .breadth = 5, .depth = 1}))}},
                           .strategy = "p -> i"})),
       0.99},
  };
}

Training training(SearchOptions search = {}) {
  search.seeds_requests = false;
  return {.trainset = test::examples_of(12), .valset = test::examples_of(15, 100), .search = std::move(search)};
}

Program student(std::shared_ptr<LM> lm) {
  return with_lm(Program(test::One()), lm);
}

std::string outcome(const Optimized& optimized) {
  JsonArray out;
  for (const auto& each : optimized.report.candidates)
    out.emplace_back(JsonArray{each.origin, each.prompts, each.score ? Json(*each.score) : Json()});
  out.emplace_back(optimize::prompts_of(optimized.program));
  return to_text(out);
}

}  // namespace

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

TEST_CASE("GEPA sends an instruction that is too long back once, and drops it if it stays so") {
  std::size_t asked = 0;
  const auto lm = std::make_shared<ScriptedLM>([&](const Request& request) -> std::string {
    ++asked;
    const auto& output = request.contract.signature->outputs.front();
    return output.label + ": " + (output.name == "shorter_instruction" ? "Use the magic word." : std::string(60, 'x'));
  });
  const Models models;
  const auto optimized = Gepa({.metric = test::exact_match(),
                               .max_metric_calls = 60,
                               .reflection_lm = lm,
                               .proposer = {.skills = {"Write plainly."}, .max_chars = 30}})
                             .compile(student(models.make()), training());
  CHECK(asked >= 2);
  CHECK(*optimized.report.score() == 1);
  CHECK(test::text_of(lm->requests()[0].messages.back()).find("Write plainly.") != std::string::npos);
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
