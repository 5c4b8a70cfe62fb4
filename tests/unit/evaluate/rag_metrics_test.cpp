#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/metrics/rag.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using doctest::Approx;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

const Example gold({{"question", "Where is Nora?"}, {"answer", "Nora is in Lima, Peru."}}, {"question"});
const Prediction said{
    .data = {{"answer", "In Lima. It rains."}, {"passages", {"Nora lives in Lima.", "x", "Lima is in Peru."}}}};

/// The first two texts are alike, others are at a right angle to them.
class TwoAlike final : public Embedder {
 public:
  std::string_view model() const noexcept override { return "two"; }
  std::size_t dimensions() const noexcept override { return 2; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (std::size_t i = 0; i < request.texts.size(); ++i)
      out.vectors.push_back(i < 2 ? std::vector<float>{1, 0} : std::vector<float>{0, 1});
    co_return out;
  }
};

}  // namespace

TEST_CASE("Faithfulness is the share of statements that the contexts support") {
  const auto lm = scripted({"Statements: [\"a\", \"b\", \"c\"]", "Verdicts: [true, false, true]"});
  CHECK(metrics::metric(with_lm(metrics::Faithfulness(), lm))(gold, said).value == Approx(2.0 / 3));
  CHECK(lm->requests()[1].messages.back().text().contains("Nora lives in Lima.\n\nx\n\nLima is in Peru."));
  CHECK_THROWS_AS(metrics::metric(with_lm(metrics::Faithfulness(), scripted({"Statements: []"})))(gold, said), Error);
  const auto uneven = scripted({"Statements: [\"a\", \"b\"]", "Verdicts: [true]"});
  CHECK_THROWS_AS(metrics::metric(with_lm(metrics::Faithfulness(), uneven))(gold, said), Error);
}

TEST_CASE("Context recall judges the right answer's statements, context precision each passage") {
  const auto recall = scripted({"Statements: [\"a\", \"b\"]", "Verdicts: [true, false]"});
  CHECK(metrics::metric(with_lm(metrics::ContextRecall(), recall))(gold, said).value == 0.5);
  CHECK(recall->requests()[0].messages.back().text().contains("Lima, Peru"));
  const auto precision = scripted({"Useful: true", "Useful: false", "Useful: true"});
  CHECK(metrics::metric(with_lm(metrics::ContextPrecision(), precision))(gold, said).value == Approx(5.0 / 6));
  CHECK(metrics::context_precision({false, true}) == 0.5);
  CHECK(metrics::context_precision({false, false}) == 0);
}

TEST_CASE("Answer relevance compares the question with those that the answer would answer") {
  const auto embedder = std::make_shared<TwoAlike>();
  const auto lm = scripted({"Generated: [\"Where?\", \"Who?\"]\nNoncommittal: false"});
  CHECK(metrics::metric(with_lm(metrics::AnswerRelevance{.embedder = embedder}, lm))(gold, said).value == Approx(0.5));
  const auto evading = scripted({"Generated: [\"Where?\"]\nNoncommittal: true"});
  CHECK(metrics::metric(with_lm(metrics::AnswerRelevance{.embedder = embedder}, evading))(gold, said).value == 0);
  CHECK_THROWS_AS(metrics::metric(metrics::AnswerRelevance())(gold, said), Error);
}

TEST_CASE("Ids are compared without a model") {
  const std::vector<std::string> retrieved = {"a", "b", "b", "c"}, right = {"b", "d"};
  CHECK(metrics::id_context_precision(retrieved, right) == Approx(1.0 / 3));
  CHECK(metrics::id_context_recall(retrieved, right) == 0.5);
  CHECK_THROWS_AS(metrics::id_context_recall({}, right), Error);
}
