// SIMBA, against what Python DSPy 3.4.1 did with the same model: programs, scores and the one returned.

#include "dspy/optimize/simba.hpp"

#include "dspy/base/error.hpp"
#include "worlds.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;

namespace {

/// The recorded model answers with a number made of the question, the draw, and how many demonstrations and rules the
/// answering predictor has.
struct Rule {
  explicit Rule(const Json& row)
      : a(test::number(row.at("a"))),
        b(test::number(row.at("b"))),
        c(test::number(row.at("c"))),
        d(test::number(row.at("d"))),
        m(test::number(row.at("m"))),
        p(test::number(row.at("p"))),
        is_graded(row.at("graded").as_bool()) {}

  std::size_t number(const test::Asked& asked) const {
    std::size_t rules = 0;
    for (auto at = asked.instructions.find("rule "); at != std::string::npos;
         at = asked.instructions.find("rule ", at + 1))
      ++rules;
    return (asked.question * a + asked.draw * b + asked.shown.size() * c + rules * d) % m;
  }
  double score(std::size_t number) const {
    if (is_graded) return static_cast<double>(number) / static_cast<double>(m - 1);
    return number < p ? 1 : 0;
  }

  std::size_t a, b, c, d, m, p;
  bool is_graded;
};

/// What a recorded candidate has, and what a report says that ours has, in the same words.
std::string described(const JsonObject& predictors) {
  std::string out;
  for (const auto& each : predictors)
    out += std::format("{}: rules {} demos {}; ", std::string(each.key()), to_text(each.value().at("rules")),
                       to_text(each.value().at("demos")));
  return out;
}

std::string described(const optimize::CandidateReport& candidate, const JsonObject& like) {
  JsonObject out;
  for (const auto& each : like) {
    const auto& prompt = candidate.prompts.at(each.key());
    JsonArray rules, demos;
    const auto instructions = test::text(prompt.at("instructions"));
    for (auto at = instructions.find("rule "); at != std::string::npos; at = instructions.find("rule ", at + 1))
      rules.emplace_back(std::stoll(instructions.substr(at + 5)));
    for (const auto& demo : prompt.at("demos").as_array())
      demos.emplace_back(std::stoll(test::text(demo.at("question")).substr(1)));
    out[each.key()] = JsonObject{{"rules", std::move(rules)}, {"demos", std::move(demos)}};
  }
  return described(out);
}

double mean(const Json& scores) {
  double sum = 0;
  for (const auto& each : scores.as_array()) sum += each.to_number<double>();
  return sum / static_cast<double>(scores.as_array().size());
}

}  // namespace

TEST_CASE("Simba makes the programs that Python DSPy's SIMBA makes, and returns one as good") {
  std::size_t compared = 0;
  std::size_t whole = 0;
  for (const auto& row : test::rows_of("simba")) {
    CAPTURE(test::text(row.at("id")));
    const Rule rule(row.at("rule"));
    std::vector<std::size_t> raises_on;
    for (const auto& each : row.at("raises_on").as_array()) raises_on.push_back(test::number(each));
    const auto lm = std::make_shared<ScriptedLM>([&](const Request& request) -> std::string {
      const auto asked = test::asked_by(request);
      if (std::ranges::contains(raises_on, asked.question)) throw Error(Errc::refused, "Boom");
      if (asked.output == "hint") return std::format("Hint: h{}", asked.question);
      return std::format("Answer: {}", rule.number(asked));
    });
    std::size_t rules = 0;
    const auto writer = std::make_shared<ScriptedLM>([&](const Request&) -> std::string {
      ++rules;
      return std::format(R"(Discussion: they differ
Advice: {{"plan": "rule {0}", "answer": "rule {0}"}})",
                         rules);
    });
    const Metric metric("number", [&](const Example&, const Prediction& made) {
      return rule.score(std::stoul(test::text(made.at("answer"))));
    });
    const bool is_duo = test::text(row.at("program")) == "duo";
    Training training{.trainset = test::examples_of(test::number(row.at("examples")))};
    training.search.seeds_requests = false;
    const auto optimized = Simba({.metric = metric,
                                  .bsize = test::number(row.at("bsize")),
                                  .num_candidates = test::number(row.at("num_candidates")),
                                  .max_steps = test::number(row.at("max_steps")),
                                  .max_demos = test::number(row.at("max_demos")),
                                  .prompt_model = writer,
                                  .seed = row.at("seed").to_number<std::uint64_t>()})
                               .compile(with_lm(is_duo ? Program(test::Two()) : Program(test::One()), lm), training);

    const auto& made = optimized.report.candidates;
    std::size_t next = 1;  // the first is the program as it was
    bool is_whole = true;
    for (const auto& step : row.at("steps").as_array()) {
      const auto& buckets = step.at("buckets").as_array();
      for (std::size_t i = 0; i < buckets.size() && is_whole; ++i) {
        // A strategy that declines makes a candidate there, and none here.
        is_whole = buckets[i].at("result").as_bool();
        if (!is_whole) break;
        CAPTURE(next);
        REQUIRE(made.size() > next);
        const auto& theirs = buckets[i].at("candidate").as_object();
        REQUIRE(described(made[next], theirs) == described(theirs));
        REQUIRE_FALSE(made[next].minibatch_scores.empty());
        CHECK(made[next].minibatch_scores.front() == doctest::Approx(mean(step.at("candidate_scores").at(i))));
        ++next;
        ++compared;
      }
      if (!is_whole) break;
    }
    if (!is_whole) continue;
    double best = 0;
    for (const auto& each : row.at("final_runs").as_array()) best = std::max(best, mean(each));
    CHECK(*optimized.report.score() == doctest::Approx(best));
    ++whole;
  }
  CHECK(compared == 114);
  CHECK(whole == 11);
}
