#include "dspy/evaluate/metrics/judges.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>

using namespace dspy;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

const Example gold({{"question", "Why?"}, {"response", "Because of a and b."}}, {"question"});
const Prediction said{.data = {{"response", "Because of a."}, {"context", "a causes it"}}};

}  // namespace

TEST_CASE("SemanticF1 is the harmonic mean of what a model says") {
  const auto lm = scripted({"Reasoning: r\nRecall: 0.5\nPrecision: 1.0", "Reasoning: r\nRecall: 0.5\nPrecision: 1.0"});
  const auto measure = metrics::metric(with_lm(metrics::SemanticF1(), lm));
  CHECK(measure(gold, said).value == doctest::Approx(2.0 / 3));
  CHECK(measure({.example = gold, .prediction = said, .for_demonstration = true}).value == 1);
  const auto prompt = lm->requests()[0].messages.back().text();
  CHECK(prompt.contains("Because of a and b."));
  CHECK(prompt.contains("Because of a."));
  CHECK(metrics::SemanticF1::decompositional().score.signature().outputs.size() == 6);
}

TEST_CASE("CompleteAndGrounded asks about both, and shows the context") {
  const auto lm =
      scripted({"Reasoning: r\nGround truth key ideas: 1\nSystem response key ideas: 1\nDiscussion: d\n"
                "Completeness: 0.5",
                "Reasoning: r\nSystem response claims: 1\nDiscussion: d\nGroundedness: 1"});
  CHECK(metrics::metric(with_lm(metrics::CompleteAndGrounded(), lm))(gold, said).value == doctest::Approx(2.0 / 3));
  CHECK(lm->requests()[1].messages.back().text().contains("a causes it"));
  CHECK_THROWS_AS(metrics::metric(metrics::CompleteAndGrounded())(gold, {.data = {{"response", "x"}}}), Error);
}

TEST_CASE("A judge gives points by its rubric, and says why") {
  const auto lm = scripted({"Reasoning: r\nFeedback: b is missing\nPoints: 2"});
  const auto score =
      metrics::metric(with_lm(metrics::Judge("1 point for each cause that is named.", 4), lm))(gold, said);
  CHECK(score.value == 0.5);
  CHECK(score.feedback == "b is missing");
  CHECK(lm->requests()[0].messages[0].text().contains("1 point for each cause"));
  CHECK_THROWS_AS(metrics::Judge("r", 0), Error);
}
