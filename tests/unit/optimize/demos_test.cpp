// Which examples become demonstrations, against what Python DSPy 3.4.1 chose.

#include "optimize/demos.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>

using namespace dspy;

namespace {

/// Demonstrations as the cases write them.
JsonArray shown(const std::vector<Example>& demos, bool with_fields) {
  JsonArray out;
  for (const auto& demo : demos) {
    const bool is_augmented = demo.data.contains("augmented");
    JsonObject each = {{"example", test::number_of(demo)}, {"augmented", is_augmented}};
    if (is_augmented && with_fields) {
      JsonObject fields;
      for (const auto& value : demo.data) {
        if (value.key() != "augmented") fields[value.key()] = value.value();
      }
      each["fields"] = std::move(fields);
    }
    out.emplace_back(std::move(each));
  }
  return out;
}

JsonObject demos_of(const Program& program, bool with_fields) {
  JsonObject out;
  program.for_each_predictor(
      [&](const std::string& path, const Predictor& predictor) { out[path] = shown(predictor.demos(), with_fields); });
  return out;
}

JsonArray pairs(const std::vector<Example>& demos) {
  JsonArray out;
  for (const auto& demo : demos) out.emplace_back(JsonArray{test::number_of(demo), demo.data.contains("augmented")});
  return out;
}

Program with_chosen_demos(Program program, const JsonObject& chosen) {
  program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    std::vector<Example> demos;
    for (const auto& k : chosen.at(path).as_array()) {
      const auto n = test::number(k);
      demos.emplace_back(JsonObject{{"question", std::format("q{}", n)},
                                    {"hint", std::format("h{}", n)},
                                    {"verdict", std::format("v{}", n)},
                                    {"answer", std::format("a{}", n)}},
                         predictor.signature());
    }
    predictor.set_demos(std::move(demos));
  });
  return program;
}

}  // namespace

TEST_CASE("LabeledFewShot chooses the examples that Python DSPy chooses") {
  std::size_t count = 0;
  for (const auto& row : test::rows_of("labeled")) {
    CAPTURE(test::text(row.at("id")));
    const auto examples = test::number(row.at("examples"));
    const LabeledFewShot optimizer({.k = test::number(row.at("k")), .sample = row.at("sample").as_bool()});
    const Training training{.trainset = test::examples_of(examples)};
    const auto student = test::program_named(test::text(row.at("program")));
    if (examples == 0) {
      CHECK_THROWS_AS(optimizer.compile(student, training), Error);  // DSPy returns the student
      continue;
    }
    const auto optimized = optimizer.compile(student, training);
    optimized.program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
      JsonArray numbers;
      for (const auto& demo : predictor.demos()) numbers.emplace_back(test::number_of(demo));
      CHECK(to_text(numbers) == to_text(row.at("demos").at(path)));
    });
    CHECK(optimized.report.usage.requests == 0);
    ++count;
  }
  CHECK(count == 28);  // the others have no examples
}

TEST_CASE("BootstrapFewShot makes the demonstrations that Python DSPy makes, with as many calls") {
  std::size_t count = 0;
  for (const auto& row : test::rows_of("bootstrap")) {
    CAPTURE(test::text(row.at("id")));
    const auto& answers = row.at("answers").as_array();
    std::atomic<std::size_t> calls = 0;
    const auto lm = test::model_of([&](const test::Asked& asked) -> std::string {
      const auto& of_example = answers.at(asked.question).as_array();
      const auto& answer = of_example.at(std::min(asked.draw, of_example.size() - 1));
      if (answer.is_number()) return "g" + to_text(answer);
      const auto what = test::text(answer);
      if (what == "raise") throw Error(Errc::refused, "Boom");
      return what == "right" ? std::format("a{}", asked.question) : "no";
    });
    const auto counting = std::make_shared<ScriptedLM>([&, lm](const Request& request) -> Reply {
      calls.fetch_add(1);
      return wait(lm->complete(request));
    });
    const auto raises = [&](const Example& example) {
      return std::ranges::contains(row.at("metric_raises_on").as_array(), Json(test::number_of(example)));
    };
    const auto kind = row.at("metric").is_null() ? "" : test::text(row.at("metric"));
    Metric metric;
    if (!kind.empty()) {
      metric = Metric(kind, [&, kind](const Example& example, const Prediction& made) {
        if (raises(example)) throw Error(Errc::bad_input, "Boom");
        const auto answer = test::text(made.at("answer"));
        if (kind == "float" && answer.starts_with('g')) return std::stod(answer.substr(1));
        return answer == test::text(*example.get("answer")) ? 1.0 : 0.0;
      });
    }
    BootstrapFewShotOptions options{.metric = metric,
                                    .max_bootstrapped_demos = test::number(row.at("max_bootstrapped_demos")),
                                    .max_labeled_demos = test::number(row.at("max_labeled_demos")),
                                    .max_rounds = test::number(row.at("max_rounds")),
                                    .max_errors = 10};
    if (!row.at("max_errors").is_null()) options.max_errors = test::number(row.at("max_errors"));
    // DSPy takes a threshold of 0 for none.
    if (const auto& threshold = row.at("metric_threshold"); !threshold.is_null() && threshold.to_number<double>() != 0)
      options.metric_threshold = threshold.to_number<double>();
    const auto student = with_lm(test::program_named(test::text(row.at("program"))), counting);
    const Training training{.trainset = test::examples_of(test::number(row.at("examples"))),
                            .search = {.attempts = 1, .seeds_requests = false}};
    auto with_teacher = training;
    // A teacher with demonstrations counts as compiled; DSPy takes them away from one that is not marked so.
    if (test::text(row.at("teacher")) == "compiled")
      with_teacher.teacher = with_chosen_demos(student, row.at("teacher_demos").as_object());

    const auto result = attempt([&] { return BootstrapFewShot(options).compile(student, with_teacher); });

    ++count;
    if (row.contains("error")) {
      CHECK_FALSE(result.has_value());
      continue;
    }
    REQUIRE_MESSAGE(result.has_value(), result.error().what());
    CHECK(to_text(demos_of(result->program, true)) == to_text(row.at("demos")));
    CHECK(result->report.details.at("errors") == row.at("errors_counted"));
    if (row.at("errors_counted") == 0) CHECK(calls.load() == row.at("lm_calls").as_array().size());
  }
  CHECK(count == 114);
}

TEST_CASE("Sets of demonstrations are those that Python DSPy's MIPROv2 makes") {
  for (const auto& row : test::rows_of("demo_sets")) {
    CAPTURE(test::text(row.at("id")));
    const auto& right = row.at("right").as_array();
    const auto lm = test::model_of([&](const test::Asked& asked) -> std::string {
      return std::ranges::contains(right, Json(asked.question)) ? std::format("a{}", asked.question) : "wrong";
    });
    const auto student = with_lm(test::program_named(test::text(row.at("program"))), lm);
    const Training training{.trainset = test::examples_of(test::number(row.at("examples")))};
    optimize::Search search("test", {}, student, test::exact_match(), training);
    optimize::PythonRandom random(row.at("seed").to_number<std::uint64_t>());

    const auto sets =
        optimize::demo_sets(search, student, {}, training.trainset, test::number(row.at("sets")),
                            {.max_bootstrapped_demos = test::number(row.at("max_bootstrapped_demos")),
                             .max_labeled_demos = test::number(row.at("max_labeled_demos"))},
                            row.at("labeled_sample").as_bool(), row.at("include_non_bootstrapped").as_bool(), random);

    const auto paths = optimize::paths_of(student);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      JsonArray made;
      for (const auto& set : sets) made.emplace_back(pairs(set.at(paths[i])));
      CHECK(to_text(made) == to_text(row.at("demo_sets").at(std::to_string(i))));
    }
  }
}

TEST_CASE("BootstrapFewShotWithRandomSearch tries the programs that Python DSPy tries, and returns a best one") {
  std::size_t count = 0;
  for (const auto& row : test::rows_of("random_search")) {
    CAPTURE(test::text(row.at("id")));
    if (row.contains("error")) continue;
    const auto& right = row.at("right").as_array();
    const auto mod = test::number(row.at("mod"));
    const auto lm = test::model_of([&](const test::Asked& asked) -> std::string {
      std::size_t sum = asked.question;
      for (const auto k : asked.shown) sum += k;
      const bool is_right = std::ranges::contains(right, Json(asked.question)) || sum % mod == 0;
      return is_right ? std::format("a{}", asked.question) : "wrong";
    });
    RandomSearchOptions options{.metric = test::exact_match(),
                                .max_bootstrapped_demos = test::number(row.at("max_bootstrapped_demos")),
                                .max_labeled_demos = test::number(row.at("max_labeled_demos")),
                                .num_candidate_programs = test::number(row.at("num_candidate_programs")),
                                .labeled_sample = row.at("labeled_sample").as_bool()};
    if (!row.at("stop_at_score").is_null()) options.stop_at_score = row.at("stop_at_score").to_number<double>() / 100;
    if (!row.at("restrict").is_null()) {
      for (const auto& seed : row.at("restrict").as_array())
        options.restrict_to.push_back(seed.to_number<std::int64_t>());
    }
    Training training{.trainset = test::examples_of(test::number(row.at("examples")))};
    for (const auto& k : row.at("valset").as_array()) training.valset.push_back(test::example_of(test::number(k)));
    const auto student = with_lm(test::program_named(test::text(row.at("program"))), lm);

    const auto optimized = BootstrapFewShotWithRandomSearch(options).compile(student, training);

    // DSPy's list is sorted by score; ours is in the order tried.
    auto expected = row.at("candidates").as_array();
    std::ranges::stable_sort(expected, {}, [](const Json& each) { return each.at("seed").to_number<std::int64_t>(); });
    const auto& tried = optimized.report.candidates;
    REQUIRE(tried.size() == expected.size());
    for (std::size_t i = 0; i < tried.size(); ++i) {
      CHECK(optimize::percent(*tried[i].score) == expected[i].at("score").to_number<double>());
      for (const auto& prompt : tried[i].prompts) {
        JsonArray demos;
        for (const auto& demo : prompt.value().at("demos").as_array()) {
          demos.emplace_back(JsonArray{test::number_of(Example(demo.as_object(), {"question"})),
                                       demo.as_object().contains("augmented")});
        }
        CHECK(to_text(demos) == to_text(expected[i].at("demos").at(prompt.key())));
      }
    }
    double best = -1;
    for (const auto& each : expected) best = std::max(best, each.at("score").to_number<double>());
    CHECK(optimize::percent(*optimized.report.score()) == best);
    ++count;
  }
  CHECK(count > 25);
}
