#include "dspy/base/error.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/signature/decision.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dspy;

TEST_CASE("How outputs are decided is saved with the program, and loaded into it") {
  const DecisionsSettings decisions = {{"spam", {.threshold = 0.35}},
                                       {"kind", {.weights = {{"bug", 2}}, .prior = {{"bug", 0.25}, {"other", 0.75}}}},
                                       {"stars", {.cuts = {0.4, 1.6}, .is_scale = true}}};
  const auto notation = "mail -> spam: bool, kind: Literal['bug', 'other'], stars: Literal[1, 2, 3], why";
  const Predict<> tuned(notation, {.decisions = decisions});
  const auto text = to_text(to_program_file(tuned));

  Predict<> fresh(notation);
  apply(read_program(text), fresh);
  CHECK(fresh.decisions() == decisions);
  CHECK(to_predictor(read_program(text).predictors[0]).decisions() == decisions);

  // As Python DSPy keeps it, without what it does not know.
  const auto root = parse_json(text)->as_object();
  CHECK(to_text(root.at("fields")) ==
        R"({"kind":{"weights":{"bug":2.0}},"spam":{"threshold":0.35},"stars":{"cuts":[0.4,1.6]}})");
  CHECK(to_text(to_program_file(tuned)) == text);
}

TEST_CASE("Settings that do not suit their output are refused with its name") {
  const Predict<> tuned("mail -> spam: bool", {.decisions = {{"spam", {.threshold = 0.35}}}});
  auto file = to_program_file(tuned);
  file.predictors[0].kept["fields"] = JsonObject{{"spam", JsonObject{{"weights", JsonObject{{"true", 2}}}}}};
  Predict<> fresh("mail -> spam: bool");
  CHECK_THROWS_WITH_AS(apply(file, fresh), doctest::Contains("how `spam` is decided does not suit it"), Error);
  CHECK(fresh.decisions().empty());
}
