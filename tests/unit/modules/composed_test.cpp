// Modules made of runs of others: BestOfN, Refine, SelfConsistency, MultiChainComparison, majority, Knn.

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/best_of_n.hpp"
#include "dspy/modules/knn.hpp"
#include "dspy/modules/majority.hpp"
#include "dspy/modules/multi_chain_comparison.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/refine.hpp"
#include "dspy/modules/self_consistency.hpp"
#include "support/vectors.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

/// One run of a recorded program: attempt i is what its reward says of it.
struct Attempts {
  std::shared_ptr<ScriptedLM> lm;
  std::shared_ptr<std::size_t> asked = std::make_shared<std::size_t>(0);  ///< Runs, also those that failed.
  std::function<double(const JsonObject&, const Prediction&)> reward;

  explicit Attempts(JsonArray recorded) {
    const auto rewards = std::make_shared<const JsonArray>(std::move(recorded));
    lm = std::make_shared<ScriptedLM>([rewards, next = asked](const Request& request) -> std::string {
      if (request.contract.signature->find("advice") != nullptr) return "Discussion: so\nAdvice: {\"self\": \"tip\"}";
      const auto i = (*next)++;
      if ((*rewards)[i] == "raise") throw Error(Errc::inference_failed, "boom");
      return "Answer: " + std::to_string(i);
    });
    reward = [rewards](const JsonObject&, const Prediction& made) {
      const auto& value =
          (*rewards)[static_cast<std::size_t>(std::stoi(std::string(view(made.at("answer").as_string()))))];
      if (value == "reward raises") throw std::runtime_error("no reward");
      if (value.is_string() && value != "nan" && value != "-inf") return std::nan("");
      if (value.is_null() || value == "null" || value == "nan") return std::nan("");
      return value == "-inf" ? -HUGE_VAL : test::number_in(value);
    };
  }
};

std::size_t advice_asked(const ScriptedLM& lm) {
  std::size_t out = 0;
  for (const auto& request : lm.requests()) out += request.contract.signature->find("advice") != nullptr ? 1U : 0U;
  return out;
}

bool is_odd(const Json& reward) {
  return reward == "nan" || reward == "-inf";
}

class LetterCounts final : public Embedder {
 public:
  explicit LetterCounts(std::size_t size) : size_(size) {}
  std::string_view model() const noexcept override { return "letters"; }
  std::size_t dimensions() const noexcept override { return size_; }
  Async<Embeddings> embed(EmbedRequest request) override {
    Embeddings out;
    for (const auto& text : request.texts) {
      std::vector<float> counts(size_);
      for (const char c : text) ++counts[static_cast<unsigned char>(c) % size_];
      out.vectors.push_back(std::move(counts));
    }
    co_return out;
  }

 private:
  std::size_t size_;
};

}  // namespace

TEST_CASE("BestOfN and Refine return the attempt that Python DSPy 3.4.1 returns") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("attempts")) {
    CAPTURE(to_text(row));
    const auto& rewards = row.at("attempts").as_array().front().as_array();
    const auto& call = row.at("calls").as_array().front().as_object();
    const auto* const returned = call.if_contains("returned");
    // Not taken over: NaN and minus infinity as rewards, `None` as an answer, and an allowance of failures that shrinks
    // with the number of the run.
    if (std::ranges::any_of(rewards, is_odd) || returned == nullptr || returned->is_null()) continue;
    ++compared;
    const Attempts attempts(rewards);
    const int n = row.at("N").to_number<int>();
    const double threshold = test::number_in(row.at("threshold"));
    const Predict ask("question -> answer", {.lm = attempts.lm});
    const JsonObject inputs{{"question", "?"}};
    const bool refines = row.at("what") == "refine";
    const auto answer = refines
                            ? Refine(ask, attempts.reward, {.n = n, .threshold = threshold, .max_errors = n})(inputs)
                            : BestOfN(ask, n, attempts.reward, threshold, n)(inputs);
    CHECK(answer.at("answer") == Json(std::to_string(returned->to_number<int>())).as_string());
    CHECK(*attempts.asked == call.at("rollout_ids").as_array().size());
    if (refines && row.at("advice_fails") == false)
      CHECK(advice_asked(*attempts.lm) == call.at("advice_calls").to_number<std::size_t>());
  }
  CHECK(compared > 40);
}

TEST_CASE("A reward that is not a number or throws fails its run") {
  const auto nan = [](const JsonObject&, const Prediction&) { return std::nan(""); };
  const Predict ask("question -> answer", {.lm = scripted({"Answer: a", "Answer: b"})});
  CHECK_THROWS_WITH_AS((BestOfN(ask, 2, nan, 1, 5)({{"question", "?"}})),
                       "the reward of BestOfN is not a number; return one", Error);
  const auto throws = [](const JsonObject&, const Prediction& made) -> double {
    if (made.at("answer") == "a") throw std::runtime_error("bad");
    return 0.2;
  };
  const Predict again("question -> answer", {.lm = scripted({"Answer: a", "Answer: b"})});
  CHECK(BestOfN(again, 2, throws, 1, 1)({{"question", "?"}}).at("answer") == "b");
}

TEST_CASE("Refine shows the advisor the run, and each module its own advice") {
  const auto lm = scripted(
      {"Answer: a very long answer", "Discussion: too long\nAdvice: {\"self\": \"Be brief.\"}", "Answer: short"});
  const Predict ask("question -> answer", {.lm = lm});
  const Refine refine(ask, [](const JsonObject&, const Prediction& made) -> Judged {
    if (made.at("answer").as_string().size() < 8) return {1};
    return {0.25, "longer than 8 letters"};
  });

  CHECK(refine({{"question", "Why?"}}).at("answer") == "short");

  const auto requests = lm->requests();
  REQUIRE(requests.size() == 3);
  const auto advice = requests[1].messages.back().text();
  CHECK(advice.contains("a very long answer"));
  CHECK(advice.contains("0.25"));
  CHECK(advice.contains("longer than 8 letters"));
  CHECK(requests[2].messages.back().text().contains("Be brief."));
  CHECK_FALSE(requests[0].messages.back().text().contains("Hint"));
  CHECK(requests[2].sampling.temperature == 1);
  CHECK(named_predictors(refine).size() == 1);
}

TEST_CASE("Refine goes on without advice where the advisor fails") {
  const auto lm = scripted({"Answer: a", "no advice", "nor here", "Answer: b"});
  const Refine refine(Predict("question -> answer", {.lm = lm}),
                      [](const JsonObject&, const Prediction& made) { return made.at("answer") == "b" ? 0.9 : 0.1; },
                      {.n = 2});
  CHECK(refine({{"question", "?"}}).at("answer") == "b");
}

TEST_CASE("Majority counts votes as Python DSPy 3.4.1 does") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("majority")) {
    if (row.at("what") != "majority" || row.contains("error")) continue;
    CAPTURE(to_text(row));
    ++compared;
    std::vector<JsonObject> completions;
    for (const auto& one : row.at("completions").as_array()) completions.push_back(one.as_object());
    const auto exact = [](const Json& value) -> std::optional<std::string> {
      return value.is_null() ? std::nullopt : std::optional(to_text(value));
    };
    const auto chosen = row.at("normalize") == "none" ? majority(completions, test::text_at(row, "field"), exact)
                                                      : majority(completions, test::text_at(row, "field"));
    CHECK(Json(completions[chosen]) == row.at("result"));
  }
  CHECK(compared == 74);
  CHECK_THROWS_AS(majority(std::vector<JsonObject>{}), Error);
  CHECK_THROWS_AS(majority(std::vector<JsonObject>{{{"a", 1}}}, "b"), Error);
  CHECK(majority(std::vector<JsonObject>{{{"n", 2}}, {{"n", 1}}, {{"n", 1.0}}}) == 1);
}

TEST_CASE("Self-consistency asks no more than it takes to be sure") {
  const auto lm = scripted({"Answer: Paris", "Answer: paris.", "Answer: The Paris"});
  const SelfConsistency sure(Predict("question -> answer", {.lm = lm}), 5);
  CHECK(sure({{"question", "?"}}).at("answer") == "Paris");
  CHECK(lm->requests().size() == 3);
  CHECK(lm->requests()[0].sampling.temperature == 1);
  CHECK(lm->requests()[0].sampling.seed != lm->requests()[1].sampling.seed);

  const auto split = scripted({"Answer: a", "Answer: b", "Answer: b", "Answer: b", "Answer: c"});
  const SelfConsistency unsure(Predict("question -> answer", {.lm = split}), 5);
  CHECK(unsure({{"question", "?"}}).at("answer") == "b");
  CHECK(split->requests().size() == 4);

  const auto broken = scripted({});
  CHECK_THROWS_AS(SelfConsistency(Predict("question -> answer", {.lm = broken}), 3)({{"question", "?"}}), Error);
  CHECK_THROWS_AS(SelfConsistency(Predict("question -> answer"), 0), Error);
}

TEST_CASE("MultiChainComparison builds Python DSPy 3.4.1's signature, and shows the first lines of each attempt") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("multi_chain")) {
    CAPTURE(to_text(row));
    ++compared;
    const auto lm = std::make_shared<ScriptedLM>([](const Request& request) {
      std::string out;
      for (const auto& field : request.contract.signature->outputs) out += field.label + ": x\n";
      return out;
    });
    const auto signature = Signature::parse(test::text_at(row, "signature"));
    const MultiChainComparison compare(signature, row.at("M").to_number<int>(), {.lm = lm});
    std::vector<std::string> inputs, outputs;
    for (const auto& field : compare.predictor().signature().inputs) inputs.push_back(field.name);
    for (const auto& field : compare.predictor().signature().outputs) outputs.push_back(field.name);
    CHECK(inputs == test::texts_in(row.at("inputs")));
    CHECK(outputs == test::texts_in(row.at("outputs")));

    ChainAttempts attempts;
    for (const auto& field : signature.inputs) attempts.inputs[field.name] = "given";
    for (const auto& one : row.at("completions").as_array()) attempts.completions.push_back(one.as_object());
    if (row.contains("error")) {
      CHECK_THROWS_AS(compare(attempts), Error);
      continue;
    }
    const auto answer = compare(attempts);
    CHECK(lm->requests()[0].sampling.temperature == test::number_in(row.at("temperature")));
    std::vector<std::string> keys;
    for (const auto& value : answer.data) keys.emplace_back(value.key());
    CHECK(keys == test::texts_in(row.at("result_keys")));
    const auto prompt = lm->requests()[0].messages.back().text();
    for (const auto& texts : row.at("attempts").as_array()) {
      for (const auto& text : test::texts_in(texts)) CHECK(prompt.contains(text));
    }
  }
  CHECK(compared == 24);
  CHECK_THROWS_AS(MultiChainComparison("a -> b", 0), Error);
}

TEST_CASE("Neighbours are those of Python DSPy 3.4.1") {
  std::size_t compared = 0;
  for (const auto& row : test::recorded("knn")) {
    if (row.contains("what") || row.at("k").to_number<int>() == 0) continue;
    CAPTURE(to_text(row));
    ++compared;
    std::vector<Example> train;
    for (const auto& one : row.at("train").as_array())
      train.emplace_back(one.as_object(), test::texts_in(row.at("input_keys")));
    const Knn knn(row.at("k").to_number<std::size_t>(), train,
                  std::make_shared<LetterCounts>(row.at("dim").to_number<std::size_t>()));
    const auto found = knn(row.at("query").as_object());
    const auto& nearest = row.at("nearest").as_array();
    REQUIRE(found.size() == nearest.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == train[nearest[i].to_number<std::size_t>()]);
  }
  CHECK(compared > 30);
}

TEST_CASE("A KnnPredict shows the nearest examples, the nearest last") {
  const auto lm = scripted({"Answer: x"});
  const std::vector<Example> train = {Example({{"question", "aaaa"}, {"answer", "1"}}, {"question"}),
                                      Example({{"question", "bbbb"}, {"answer", "2"}}, {"question"}),
                                      Example({{"question", "aabb"}, {"answer", "3"}}, {"question"})};
  const KnnPredict ask("question -> answer", Knn(2, train, std::make_shared<LetterCounts>(64)), {.lm = lm});
  ask({{"question", "aaab"}});
  const auto messages = lm->requests()[0].messages;
  std::string all;
  for (std::size_t i = 0; i < messages.size(); ++i) all += messages[i].text() + "\n";
  CHECK(all.find("aabb") < all.find("aaaa"));
  CHECK_FALSE(all.contains("bbbb"));
  CHECK_THROWS_AS(Knn(0, train, std::make_shared<LetterCounts>(4)), Error);
  CHECK_THROWS_AS(Knn(1, {}, std::make_shared<LetterCounts>(4)), Error);
  CHECK_THROWS_AS(Knn(1, train, nullptr), Error);
}
