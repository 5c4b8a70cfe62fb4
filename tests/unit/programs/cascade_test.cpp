#include "dspy/programs/cascade.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/written_decision.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// Decides whether a mail is spam, by what the model writes.
WrittenDecision writing(std::vector<std::string> replies, DecisionSettings settings = {}) {
  return WrittenDecision(Predict("mail -> spam: bool", {.lm = std::make_shared<ScriptedLM>(
                                                            std::deque<std::string>(replies.begin(), replies.end())),
                                                        .adapter = adapter("field"),
                                                        .decisions = {{"spam", std::move(settings)}}}));
}

Program saying(const std::string& answer) {
  return Predict(
      "mail -> spam: bool",
      {.lm = std::make_shared<ScriptedLM>([answer](const Request&) -> std::string { return "Spam: " + answer; }),
       .adapter = adapter("field")});
}

bool has_flag(const Prediction& prediction, const std::string& flag) {
  return std::ranges::contains(prediction.flags, Flag{"spam", flag});
}

}  // namespace

TEST_CASE("Probabilities that a model writes decide, and are said to be written") {
  const auto out = writing({R"(Spam: {"true": 0.2, "false": 0.6})"})({{"mail", "Hello"}});
  CHECK(out.at("spam") == false);
  CHECK(out.probabilities.at("spam.true") == doctest::Approx(0.25));
  CHECK(out.probabilities.at("spam") == doctest::Approx(0.75));
  const auto field = Signature::parse("mail -> spam: bool").outputs[0];
  CHECK(decision_of(out, field).method == DecisionMethod::written);
  CHECK(writing({R"(Spam: {"true": 0.2, "false": 0.6})"}, {.threshold = 0.2})({{"mail", "Hello"}}).at("spam") == true);
  CHECK_THROWS_AS(WrittenDecision(Predict("mail -> spam: bool")), Error);
}

TEST_CASE("Numbers that are missing or all 0 are asked for again") {
  const auto out = writing({R"(Spam: {"true": 1})", R"(Spam: {"true": 0, "false": 0})"});
  CHECK_THROWS_WITH_AS(out({{"mail", "Hello"}}), doctest::Contains("gives every answer 0"), Error);
  const auto mended = writing({R"(Spam: {"true": 1})", R"(Spam: {"true": 1, "false": 0})"})({{"mail", "Hello"}});
  CHECK(mended.at("spam") == true);
  CHECK(mended.usage().requests == 2);
}

TEST_CASE("Demonstrations are told in the instructions, and optimizers change the predictor") {
  auto program = writing({});
  for_each_predictor(program, [](const std::string& path, Predictor& predictor) {
    CHECK(path == "self");
    predictor.set_demos({Example({{"mail", "Win a prize"}, {"spam", true}}, {"mail"})});
  });
  const auto prompt = program.asking().render({{"mail", "Hello"}});
  REQUIRE(prompt.size() == 2);
  CHECK(prompt[0].text().contains(R"([{"mail":"Win a prize","spam":true}])"));
  CHECK(prompt[0].text().contains("how probable each answer is"));
}

TEST_CASE("A decision that is not sure is another program's, or nobody's") {
  const std::string unsure = R"(Spam: {"true": 0.6, "false": 0.4})", sure = R"(Spam: {"true": 0.95, "false": 0.05})";
  const auto abstained = Cascade(writing({unsure}))({{"mail", "Hello"}});
  CHECK(abstained.at("spam").is_null());
  CHECK(has_flag(abstained, "abstained"));
  CHECK(abstained.probabilities.at("spam.true") == doctest::Approx(0.6));

  const Cascade both(writing({unsure, sure}), saying("no"), {.least = 0.8});
  const auto routed = both({{"mail", "Hello"}});
  CHECK(routed.at("spam") == false);
  CHECK(has_flag(routed, "routed"));
  CHECK(routed.usage().requests == 2);
  const auto stands = both({{"mail", "Hello"}});
  CHECK(stands.at("spam") == true);
  CHECK_FALSE(has_flag(stands, "routed"));
  CHECK(stands.usage().requests == 1);

  std::vector<std::string> paths;
  for_each_predictor(both, [&](const std::string& path, const Predictor&) { paths.push_back(path); });
  CHECK(paths == std::vector<std::string>{"first.self", "second.self"});
}

TEST_CASE("A decision without probabilities is not sure") {
  const Program first = Predict("mail -> spam: bool",
                                {.lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Spam: yes", "Spam: yes"}),
                                 .adapter = adapter("field"),
                                 .decisions = {{"spam", {}}}});
  CHECK(Cascade(first)({{"mail", "Hello"}}).at("spam").is_null());
  CHECK(Cascade(first, saying("no"))({{"mail", "Hello"}}).at("spam") == false);
}

TEST_CASE("A cascade must know which decision is to be sure") {
  CHECK_THROWS_WITH_AS(Cascade(saying("yes")), doctest::Contains("the program makes none"), Error);
  CHECK_THROWS_WITH_AS(Cascade(writing({}), {.output = "kind"}),
                       doctest::Contains("no predictor of the program decides `kind`"), Error);
  CHECK_THROWS_WITH_AS(Cascade(writing({}), {.least = 1.5}), doctest::Contains("from 0 to 1"), Error);
  const Program two = Predict("mail -> spam: bool, urgent: bool", {.decisions = {{"spam", {}}, {"urgent", {}}}});
  CHECK_THROWS_WITH_AS(Cascade(two, CascadeOptions()),
                       "the program decides `spam` and `urgent`; say with `output` which must be sure", Error);
}
