#include "dspy/programs/ensemble.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace dspy;

namespace {

Program saying(const std::string& answer) {
  return Predict("question -> answer", {.lm = std::make_shared<ScriptedLM>([answer](const Request&) -> std::string {
                                          if (answer == "raise") throw Error(Errc::unavailable, "down");
                                          return "Answer: " + answer;
                                        })});
}

}  // namespace

TEST_CASE("An ensemble answers as most of its programs do") {
  const Ensemble three({saying("a"), saying("b"), saying("B.")});
  CHECK(three({{"question", "?"}}).at("answer") == "b");
  CHECK(Ensemble({saying("raise"), saying("c")})({{"question", "?"}}).at("answer") == "c");
  CHECK_THROWS_AS(Ensemble({saying("raise")})({{"question", "?"}}), Error);
  CHECK(Program(three)({{"question", "?"}}).usage().requests == 3);
  CHECK(named_predictors(three).size() == 3);

  const Ensemble joined({saying("a"), saying("b")}, {.reduce = [](std::vector<Prediction> all) {
                          return Prediction{.data = {{"count", all.size()}}};
                        }});
  CHECK(joined({{"question", "?"}}).at("count") == 2);
  CHECK_THROWS_AS(Ensemble({}), Error);
  CHECK_THROWS_AS(Ensemble({saying("a")}, {.size = 2}), Error);
}

TEST_CASE("An ensemble draws programs by the inputs, the same for the same inputs") {
  const Ensemble one({saying("a"), saying("b"), saying("c")}, {.size = 1});
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const JsonObject inputs{{"question", std::to_string(i)}};
    const auto answer = one(inputs).at("answer");
    CHECK(one(inputs).at("answer") == answer);
    seen.insert(std::string(view(answer.as_string())));
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("Calls of several programs are made together, and one that fails ends no other") {
  const auto rows = parallel({{saying("a"), {{"question", "1"}}},
                              {saying("raise"), {{"question", "2"}}},
                              {saying("c"), {{"question", "3"}}},
                              {saying("d"), {{"query", "4"}}}});
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]->at("answer") == "a");
  CHECK(rows[1].error().code() == Errc::unavailable);
  CHECK(rows[2]->at("answer") == "c");
  CHECK(rows[3].error().code() == Errc::bad_input);
}
