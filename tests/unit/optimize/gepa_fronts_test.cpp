// GEPA's kinds of fronts, against what gepa 0.1.4 (the engine of DSPy 3.4.1's GEPA) did with the same proposals.

#include "dspy/base/error.hpp"
#include "dspy/optimize/gepa.hpp"
#include "optimize/gepa/front.hpp"
#include "prompted_world.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;
using Frontier = GepaOptions::Frontier;
using Aims = std::map<std::string, double>;

namespace {

Frontier kind_of(const std::string& name) {
  for (const auto kind : {Frontier::instance, Frontier::objective, Frontier::hybrid, Frontier::cartesian}) {
    if (optimize::to_string(kind) == name) return kind;
  }
  FAIL("unknown kind of front " << name);
  return Frontier::instance;
}

/// A recorded world: how well each aim is met is a sum over the instructions in use.  In hundredths, as integers.
struct World {
  explicit World(const JsonObject& row) : world(row.at("world").as_object()) {
    for (const auto& name : row.at("predictors").as_array()) names.push_back(test::text(name));
    groups = test::number(world.at("groups"));
  }

  std::map<std::string, int> aims(const std::vector<std::size_t>& instructions, std::size_t k) const {
    std::map<std::string, int> out;
    for (const auto& each : world.at("aims").as_object()) {
      auto sum = each.value().at("base").to_number<int>() + 50 - world.at("difficulty").at(k).to_number<int>();
      for (std::size_t p = 0; p < names.size(); ++p)
        sum += each.value().at("value").at(names[p]).at(instructions[p]).at(k % groups).to_number<int>();
      out[std::string(each.key())] = std::clamp(sum, 0, 100);
    }
    return out;
  }

  static double score(const std::map<std::string, int>& aims) {
    int sum = 0;
    for (const auto& [name, value] : aims) sum += value;
    const int mean = sum / static_cast<int>(aims.size());  // in whole hundredths
    return mean / 100.0;
  }

  const JsonObject& world;
  std::vector<std::string> names;
  std::size_t groups = 1;
};

/// A program that answers which instructions it has, and a metric that looks their aims up.
struct Scene {
  explicit Scene(const JsonObject& row) : world(row) {
    const std::vector<std::string> instructions(world.names.size(), "0");
    // The answer is a number that says which instructions are in use: two digits each.
    student = test::PromptedWorld(world.names, instructions, {},
                                  [](const test::PromptedWorld::Prompts& prompts, std::size_t) {
                                    double code = 0;
                                    for (const auto* const prompt : prompts)
                                      code = code * 100 + std::stod(prompt->signature().instructions);
                                    return code;
                                  });
    metric = {"aims", [this](const Example& example, const Prediction& made) {
                auto code = static_cast<std::size_t>(made.at("score").to_number<double>());
                std::vector<std::size_t> chosen(world.names.size());
                for (auto p = chosen.size(); p-- > 0; code /= 100) chosen[p] = code % 100;
                const auto aims = world.aims(chosen, example.get("number")->to_number<std::size_t>());
                Score out{.value = World::score(aims)};
                for (const auto& [name, value] : aims) out.objectives[name] = value / 100.0;
                return out;
              }};
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  World world;
  Program student = test::One();
  Metric metric;
};

GepaOptions options_of(const JsonObject& row, Metric metric) {
  GepaOptions options{.metric = std::move(metric),
                      .max_metric_calls = test::number(row.at("max_metric_calls")),
                      .reflection_minibatch_size = test::number(row.at("reflection_minibatch_size")),
                      .frontier = kind_of(test::text(row.at("frontier_type"))),
                      .use_merge = row.at("use_merge").as_bool(),
                      .max_merge_invocations = test::number(row.at("max_merge_invocations")),
                      .seed = row.at("seed").to_number<std::uint64_t>()};
  if (test::text(row.at("component_selector")) == "all") options.component_selector = GepaOptions::Components::all;
  return options;
}

}  // namespace

TEST_CASE("With each kind of front GEPA picks, merges and keeps the programs that the reference does") {
  std::map<std::string, std::size_t> compared;
  std::size_t merges = 0;
  for (const auto& row : test::rows_of("gepa_fronts")) {
    CAPTURE(test::text(row.at("id")));
    const Scene scene(row);
    auto options = options_of(row, scene.metric);
    std::map<std::string, std::size_t> proposed;
    options.instruction_proposer = [&](const Reflection& reflection) {
      return std::to_string(++proposed[reflection.predictor]);
    };
    const auto train = test::number(row.at("train_examples"));
    const auto optimized = Gepa(options).compile(
        scene.student,
        {.trainset = test::numbered(train), .valset = test::numbered(test::number(row.at("val_examples")), train)});

    const auto& made = optimized.report.details.at("iterations").as_array();
    const auto& expected = row.at("iterations").as_array();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      const auto& theirs = expected[i].as_object();
      if (test::number(theirs.at("metric_calls")) > test::number(row.at("budget"))) break;
      REQUIRE(made.size() > i);
      const auto& ours = made[i].as_object();
      for (const auto& key : {"selected", "minibatch", "parent_scores", "child_scores", "merge_scores", "merge_of",
                              "accepted", "metric_calls"}) {
        const auto* const value = theirs.if_contains(key);
        if (value == nullptr) continue;
        CAPTURE(key);
        REQUIRE(ours.contains(key));
        REQUIRE(to_text(ours.at(key)) == to_text(*value));
      }
      merges += theirs.contains("merge_of") ? 1 : 0;
      ++compared[test::text(row.at("frontier_type"))];
      // Which of nine programs Python draws depends on how its sets of numbers lie in memory.
      if (theirs.contains("accepted") && test::number(theirs.at("accepted")) >= 8) break;
    }
  }
  for (const auto& [kind, count] : compared) {
    CAPTURE(kind);
    CHECK(count > 80);
  }
  CHECK(compared.size() == 4);
  CHECK(merges >= 5);
}

TEST_CASE("Fronts of each kind hold the programs that the reference's hold") {
  for (const auto& row : test::rows_of("gepa_fronts")) {
    CAPTURE(test::text(row.at("id")));
    const World world(row);
    const auto train = test::number(row.at("train_examples"));
    optimize::ParetoFront front(kind_of(test::text(row.at("frontier_type"))));
    const auto& result = row.at("result").as_object();
    for (const auto& candidate : result.at("candidates").as_array()) {
      std::vector<std::size_t> instructions;
      for (const auto& name : world.names) instructions.push_back(test::number(candidate.at(name)));
      std::vector<double> scores;
      std::vector<std::optional<Aims>> all;
      for (auto k = train; k < train + test::number(row.at("val_examples")); ++k) {
        const auto aims = world.aims(instructions, k);
        scores.push_back(World::score(aims));
        auto& each = all.emplace_back(Aims());
        for (const auto& [name, value] : aims) (*each)[name] = value / 100.0;
      }
      front.add(scores, all);
    }
    JsonArray fronts;
    for (const auto& each : front.fronts()) {
      auto& list = fronts.emplace_back(JsonArray()).as_array();
      for (const auto program : each) list.emplace_back(program);
    }
    CHECK(to_text(fronts) == to_text(result.at("fronts")));
    JsonObject details;
    front.tell(details);
    const auto& aims = result.at("aims").as_array();
    REQUIRE(details.at("objective_scores").as_array().size() == aims.size());
    for (std::size_t i = 0; i < aims.size(); ++i) {
      for (const auto& aim : aims[i].as_object())
        CHECK(details.at("objective_scores").at(i).at(aim.key()).to_number<double>() ==
              aim.value().to_number<double>());
    }
  }
}

TEST_CASE("An example that fails counts as the failure score in every aim, so that failing never looks good") {
  optimize::ParetoFront front(Frontier::objective, -1);
  const std::vector<std::optional<Aims>> weak = {Aims{{"right", 0.4}}, Aims{{"right", 0.4}, {"short", 0.2}}};
  front.add({0.4, 0.4}, weak);
  // The reference would take the mean of one example, 0.9.
  const std::vector<std::optional<Aims>> failing = {Aims{{"right", 0.9}}, std::nullopt};
  front.add({0.9, 0}, failing);
  CHECK(front.fronts() == std::vector<std::set<std::size_t>>{{0}, {0}});
  JsonObject details;
  front.tell(details);
  CHECK(to_text(details.at("objective_scores")) ==
        R"([{"right":0.4,"short":0.2},{"right":-0.04999999999999999,"short":-1.0}])");
  CHECK(to_text(details.at("front_per_objective").at("right")) == R"({"score":0.4,"programs":[0]})");
}

TEST_CASE("A front over aims needs a metric that gives some") {
  optimize::ParetoFront front(Frontier::cartesian);
  const std::vector<std::optional<Aims>> none = {Aims{}, std::nullopt};
  CHECK_THROWS_WITH_AS(
      front.add({1, 0}, none),
      "GEPA's frontier `cartesian` compares programs by the metric's aims, and the metric gives none; "
      "return some (`Score::objectives`, in Python `objective_scores`), or use the frontier `instance`",
      Error);
  // Where every example failed, nobody can say yet; one of the programs is drawn all the same.
  optimize::ParetoFront failed(Frontier::objective);
  const std::vector<std::optional<Aims>> all_failed = {std::nullopt, std::nullopt};
  failed.add({0, 0}, all_failed);
  optimize::PythonRandom random(1);
  CHECK(failed.draw(random) == 0);
}
