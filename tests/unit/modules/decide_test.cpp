// Outputs that are decided by the probabilities of their answers, over a model whose probabilities are known.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/signature/decision.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// Writes `heading` and one of some answers, token by token: at each place, every piece that an answer can go on with
/// has a weight that depends on the text before it.
class PieceLM final : public LM {
 public:
  std::string heading = "Mood:";
  std::string field = "mood";
  std::vector<std::string> answers;  ///< As they are written after the heading.
  std::vector<std::string> pieces;
  bool tells = true;
  int asked = 0;
  int fails = 0;  ///< Which request, from 1.

  std::string_view model() const noexcept override { return "pieces"; }
  Capabilities capabilities() const override { return {.enforces_contract = true, .prefill = true, .logprobs = true}; }

  /// The pieces that may come after `value`, with their probabilities, likeliest first.
  std::vector<std::pair<std::string, double>> next(const std::string& value) const {
    std::vector<std::pair<std::string, double>> out;
    double sum = 0;
    for (const auto& piece : pieces) {
      const auto longer = value + piece;
      if (std::ranges::none_of(answers, [&](const auto& answer) { return answer.starts_with(longer); })) continue;
      const double weight = 0.05 + static_cast<double>(std::hash<std::string>()(longer) % 1000) / 1000;
      out.emplace_back(piece, weight);
      sum += weight;
    }
    for (auto& each : out) each.second /= sum;
    std::ranges::sort(out, std::ranges::greater(), &std::pair<std::string, double>::second);
    return out;
  }

  Async<Reply> complete(Request request) override {
    if (++asked == fails) throw Error(Errc::unavailable, "the model is away");
    Completion out;
    const auto add = [&](const std::string& piece, double probability, auto top) {
      TokenLogprob token{.text = piece, .logprob = std::log(probability), .field = field};
      for (const auto& [text, p] : top) token.top.emplace_back(text, std::log(p));
      out.logprobs.push_back(std::move(token));
    };
    auto value = request.prefill.text.substr(std::min(request.prefill.text.size(), heading.size()));
    out.logprobs.push_back({.text = heading, .forced = true});
    if (!value.empty()) out.logprobs.push_back({.text = value, .forced = true, .field = field});
    while (!std::ranges::contains(answers, value)) {
      const auto options = next(value);
      add(options[0].first, options[0].second, options);
      value += options[0].first;
    }
    out.text = heading + value;
    out.resume_points = {{field, heading.size()}};
    if (!tells) out.logprobs.clear();
    co_return Reply(std::move(out), {.requests = 1, .prompt_tokens = 1, .completion_tokens = 1});
  }

  /// Summed over all ways to write each answer.
  std::vector<double> exactly() const {
    std::vector<double> sums(answers.size());
    const std::function<void(const std::string&, double)> walk = [&](const std::string& value, double probability) {
      if (const auto found = std::ranges::find(answers, value); found != answers.end()) {
        sums[static_cast<std::size_t>(found - answers.begin())] += probability;
        return;
      }
      for (const auto& [piece, p] : next(value)) walk(value + piece, probability * p);
    };
    walk("", 1);
    return sums;
  }
};

std::vector<double> probabilities(const Prediction& prediction, const std::vector<std::string>& labels) {
  std::vector<double> out;
  for (const auto& label : labels) out.push_back(prediction.probabilities.at("mood." + label));
  return out;
}

const std::vector<std::string> letters = {" ", " g", " gl", " gr", " s", " m", "a",   "d",   "l",  "r", "i",
                                          "m", "u",  "e",   "g",   "s",  "t",  "lad", "rim", "ad", "dd"};

}  // namespace

TEST_CASE("Probabilities are those of all ways to write each answer") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" glad", " grim", " sad", " mad"};
  lm->pieces = letters;
  const Predict ask("text -> mood: Literal['glad', 'grim', 'sad', 'mad']",
                    {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}});

  const auto out = ask({{"text", "?"}});

  const auto exact = lm->exactly();
  const auto found = probabilities(out, {"glad", "grim", "sad", "mad"});
  double sum = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CHECK(found[i] == doctest::Approx(exact[i]).epsilon(1e-6));
    sum += found[i];
  }
  CHECK(sum == doctest::Approx(1));
  const auto best = static_cast<std::size_t>(std::ranges::max_element(exact) - exact.begin());
  CHECK(out.at("mood") == Json(lm->answers[best].substr(1)).as_string());
  CHECK(out.probabilities.at("mood") == doctest::Approx(exact[best]));
  CHECK(out.usage().requests == static_cast<std::uint64_t>(lm->asked));
  MESSAGE("requests: ", lm->asked);
}

TEST_CASE("Answers that begin differently take one request") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" glad", " sad"};
  lm->pieces = {" ", " g", " s", "glad", "sad", "g", "s", "lad", "ad", "l", "a", "d"};
  const Predict ask("text -> mood: Literal['glad', 'sad']",
                    {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}});
  const auto found = probabilities(ask({{"text", "?"}}), {"glad", "sad"});
  CHECK(found[0] == doctest::Approx(lm->exactly()[0]).epsilon(1e-6));
  CHECK(lm->asked <= 2);
}

TEST_CASE("Weights, priors and thresholds decide, and the value says so") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" glad", " sad"};
  lm->pieces = letters;
  const auto first = lm->exactly()[0] >= 0.5;
  const std::string other = first ? "sad" : "glad";
  Predict ask("text -> mood: Literal['glad', 'sad']",
              {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {.weights = {{other, 1000}}}}}});
  const auto out = ask({{"text", "?"}});
  CHECK(out.at("mood") == Json(other).as_string());
  CHECK(std::ranges::contains(out.flags, Flag{"mood", "decided"}));
  ask.set_decisions({});
  CHECK_FALSE(ask({{"text", "?"}}).probabilities.contains("mood.glad"));
  CHECK_THROWS_AS(ask.set_decisions({{"none", {}}}), Error);
  CHECK_THROWS_AS(ask.set_decisions({{"mood", {.threshold = 0.5}}}), Error);
}

TEST_CASE("An answer that another one begins with, where the model does not tell its end, is an error") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" gl", " glad"};
  lm->pieces = {" g", "l", "lad", " gl"};
  const Predict ask("text -> mood: Literal['gl', 'glad']",
                    {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}});
  CHECK_THROWS_WITH_AS(ask({{"text", "?"}}), doctest::Contains("could not be measured"), Error);
}

TEST_CASE("A model that tells no probabilities leaves the value as it wrote it") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" glad", " sad"};
  lm->pieces = letters;
  lm->tells = false;
  const Predict ask("text -> mood: Literal['glad', 'sad']",
                    {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}});
  const auto out = ask({{"text", "?"}});
  CHECK(out.probabilities.empty());
  CHECK(decision_of(out, ask.signature().outputs[0]).method == DecisionMethod::none);
}

TEST_CASE("A decision whose further requests fail tells the usage of the reply before them") {
  const auto lm = std::make_shared<PieceLM>();
  lm->answers = {" glad", " grim", " sad", " mad"};
  lm->pieces = letters;
  lm->fails = 2;
  const Predict ask("text -> mood: Literal['glad', 'grim', 'sad', 'mad']",
                    {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}});

  const auto out = attempt([&] { return ask({{"text", "?"}}); });

  REQUIRE_FALSE(out.has_value());
  CHECK(out.error().code() == Errc::unavailable);
  CHECK(out.error().info().usage == Usage{.requests = 1, .prompt_tokens = 1, .completion_tokens = 1});
}
