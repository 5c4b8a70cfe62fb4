#include "dspy/evaluate/report.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/comparison.hpp"
#include "dspy/evaluate/forecasts.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::vector<Example> questions() {
  return {Example({{"question", "a, \"b\"?"}, {"answer", "one"}, {"topic", "x"}}, {"question"}, {"answer"}),
          Example({{"question", "<b>"}, {"answer", "two"}, {"topic", "y"}}, {"question"}, {"answer"}),
          Example({{"question", "c"}, {"answer", "three"}, {"topic", "x"}}, {"question"}, {"answer"})};
}

Program saying(std::vector<std::string> answers) {
  return Predict("question -> answer", {.lm = std::make_shared<ScriptedLM>([answers](const Request& request) {
                                          const auto text = request.messages.back().text();
                                          const auto& all = answers;
                                          if (text.contains("a, ")) return "Answer: " + all[0];
                                          if (text.contains("<b>")) return "Answer: " + all[1];
                                          if (all[2].empty()) throw Error(Errc::unavailable, "down & out");
                                          return "Answer: " + all[2];
                                        })});
}

EvaluationResult evaluated(const Program& program, bool traces = false) {
  return Evaluate({.metric = metrics::exact_match(), .keeps_traces = traces})(program, questions());
}

}  // namespace

TEST_CASE("Results are shown as a table, by slices, as CSV and as JSON that is read back") {
  const auto result = evaluated(saying({"one", "no", ""}));
  const auto table = to_table(result, 2);
  CHECK(table.starts_with("exact_match: 33.33 % (95 % interval "));
  CHECK(table.contains("3 of 3 examples, 1 failed"));
  CHECK(table.contains("down & out"));

  const auto by_topic = slices(result, "topic");
  REQUIRE(by_topic.size() == 2);
  CHECK(by_topic[0].name == "x");
  CHECK(by_topic[0].score == 50);
  CHECK(by_topic[0].failures == 1);
  CHECK_FALSE(by_topic[1].interval.has_value());
  CHECK(slices(result, "none")[0].name == "(none)");

  const auto csv = to_csv(result);
  CHECK(
      csv.starts_with("question,answer,topic,pred_answer,score,feedback,error\r\n\"a, \"\"b\"\"?\",one,x,one,1,,\r\n"));
  CHECK(csv.contains(",0,,down & out"));

  const auto json = to_json(result);
  CHECK(json.at("n") == 3);
  CHECK(json.at("requests") == result.usage.requests);
  const auto again = evaluation_from_json(parse_json(to_text(json))->as_object());
  CHECK(again.score == result.score);
  CHECK(again.failures == 1);
  CHECK(again.rows[2].error->code() == Errc::unavailable);
  CHECK(again.rows[0].example.data == result.rows[0].example.data);
  CHECK_FALSE(to_json(result, false).contains("rows"));
  CHECK_THROWS_AS(evaluation_from_json({}), Error);
}

TEST_CASE("The page needs nothing else, and shows text as text") {
  const auto program = saying({"one", "<script>alert(1)</script>", "three"});
  const auto page = to_html(evaluated(program, true), {.title = "T & Q", .program = &program, .slice_by = "topic"});
  CHECK(page.contains("<title>T &amp; Q</title>"));
  CHECK(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
  CHECK_FALSE(page.contains("<script>alert"));
  CHECK_FALSE(page.contains("http"));
  CHECK(page.contains("66.67 %"));
  CHECK(page.contains("By topic"));
  CHECK(page.contains("Question: c"));
}

TEST_CASE("Probabilities of answers are measured against the labels") {
  auto result = evaluated(saying({"one", "no", "three"}));
  CHECK_FALSE(to_json(result, false).contains("calibration"));
  for (auto& row : result.rows) row.prediction.probabilities["answer"] = 0.8;
  const auto forecasts = forecasts_of(result);
  REQUIRE(forecasts.at("answer").size() == 3);
  CHECK_FALSE(forecasts.at("answer")[1].happened);
  const auto calibration = to_json(result, false).at("calibration").at("answer");
  CHECK(calibration.at("brier").as_double() == doctest::Approx((0.04 + 0.64 + 0.04) / 3));
  CHECK(calibration.at("calibration_error").as_double() == doctest::Approx(0.8 - 2.0 / 3));
  CHECK(to_table(result).contains("probabilities of 3 answers `answer`: Brier score 0.240, calibration error 0.133"));
  CHECK(to_html(result).contains("3 answers, 67 % right"));
}

TEST_CASE("A run's cost is told where it is known") {
  CHECK(to_line({.done = 1, .total = 2, .score = 50, .usage = {.requests = 1, .cost_nanodollars = 12'345'678}})
            .ends_with(" | $0.0123"));
  auto result = evaluated(saying({"one", "no", "three"}));
  CHECK_FALSE(to_table(result).contains('$'));
  result.usage.cost_nanodollars = 2'500'000'000;
  CHECK(to_table(result).contains(", $2.5000"));
}

TEST_CASE("Two runs are compared example by example") {
  const auto a = evaluated(saying({"no", "two", "no"})), b = evaluated(saying({"one", "no", "three"}));
  const auto comparison = compare(a, b);
  CHECK(comparison.n == 3);
  CHECK(comparison.difference == doctest::Approx(100.0 / 3));
  CHECK(comparison.test == "mcnemar");
  CHECK(comparison.p_value == 1);
  REQUIRE(comparison.better.size() == 2);
  CHECK(comparison.better[1].index == 2);
  CHECK(comparison.worse[0].index == 1);
  CHECK(to_table(comparison).contains("B - A: +33.33 points"));
  CHECK(to_json(comparison).at("worse").as_array().size() == 1);

  std::vector<double> before(40, 0.2), after(40, 0.4);
  const auto shares = compare(before, after);
  CHECK(shares.test == "sign_flip");
  CHECK(shares.p_value < 0.001);
  CHECK(shares.interval.low == doctest::Approx(20));
  CHECK_THROWS_AS(compare(std::vector<double>{1, 0}, std::vector<double>{1}), Error);
  auto other = b;
  other.metric = "f1";
  CHECK_THROWS_AS(compare(a, other), Error);
  other = b;
  other.rows.pop_back();
  CHECK_THROWS_AS(compare(a, other), Error);
}
