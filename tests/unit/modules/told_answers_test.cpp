// Outputs that are decided by what a provider tells of the tokens of its reply.

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/signature/decision.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// A token with its probability, and others that could have come.
struct Token {
  std::string text;
  double likely = 1;
  std::vector<std::pair<std::string, double>> others = {};
};

/// A provider's reply: it says nothing of outputs, and the alternatives are not held to the answers.
std::shared_ptr<LM> telling(const std::vector<Token>& tokens) {
  Completion reply;
  for (const auto& token : tokens) {
    reply.text += token.text;
    TokenLogprob told{.text = token.text, .logprob = std::log(token.likely)};
    told.top.emplace_back(token.text, told.logprob);
    for (const auto& [text, likely] : token.others) told.top.emplace_back(text, std::log(likely));
    reply.logprobs.push_back(std::move(told));
  }
  return std::make_shared<ScriptedLM>([reply](const Request&) { return Reply(reply, {.requests = 1}); });
}

Prediction answer(std::string_view signature, const std::string& by, const std::vector<Token>& tokens,
                  DecisionSettings settings = {}) {
  return Predict(
      signature,
      {.lm = telling(tokens), .adapter = adapter(by), .decisions = {{"mood", std::move(settings)}}})({{"text", "?"}});
}

bool has_flag(const Prediction& prediction, const std::string& flag) {
  return std::ranges::contains(prediction.flags, Flag{"mood", flag});
}

constexpr std::string_view glad_or_sad = "text -> mood: Literal['glad', 'sad']";

}  // namespace

TEST_CASE("What a provider tells of the value's tokens are the answers' probabilities, other words left out") {
  const auto out = answer(
      glad_or_sad, "field",
      {{"Mood"}, {":"}, {" gl", 0.6, {{" s", 0.2}, {" Glad", 0.1}, {" fine", 0.1}}}, {"ad", 0.9, {{"um", 0.1}}}});
  CHECK(out.at("mood") == "glad");
  CHECK(out.probabilities.at("mood.glad") == doctest::Approx(0.7 / 0.9));
  CHECK(out.probabilities.at("mood.sad") == doctest::Approx(0.2 / 0.9));
  CHECK(has_flag(out, "log_probabilities"));
  const auto field = Signature::parse(glad_or_sad).outputs[0];
  const auto decision = decision_of(out, field);
  CHECK(decision.method == DecisionMethod::log_probabilities);
  CHECK(*decision.confidence == doctest::Approx(0.7 / 0.9));
}

TEST_CASE("The value is found in every adapter's reply, although its word stands elsewhere too") {
  const auto json =
      answer(glad_or_sad, "json", {{"{\""}, {"mood"}, {"\":"}, {" \""}, {"sad", 0.7, {{"glad", 0.3}}}, {"\"}"}});
  CHECK(json.probabilities.at("mood.glad") == doctest::Approx(0.3));
  const auto chat = answer("text -> why, mood: Literal['glad', 'sad']", "chat",
                           {{"[[ ## why ## ]]\nIt is "},
                            {"glad", 0.9, {{"sad", 0.1}}},
                            {", not sad.\n\n[[ ## mood ## ]]\n"},
                            {"glad", 0.55, {{"sad", 0.45}}},
                            {"\n\n[[ ## completed ## ]]"}});
  CHECK(chat.at("why") == "It is glad, not sad.");
  CHECK(chat.probabilities.at("mood.sad") == doctest::Approx(0.45));
  const auto xml = answer(glad_or_sad, "xml", {{"<mood>\n"}, {"Sad", 0.8, {{"glad", 0.2}}}, {"\n</mood>"}});
  CHECK(xml.probabilities.at("mood.glad") == doctest::Approx(0.2));
}

TEST_CASE("Thresholds and weights decide by them") {
  const auto out =
      answer("text -> mood: bool", "field", {{"Mood:"}, {" false", 0.7, {{" true", 0.3}}}}, {.threshold = 0.25});
  CHECK(out.at("mood") == true);
  CHECK(has_flag(out, "decided"));
  const auto score = answer("text -> mood: Literal[1, 2, 3]", "field",
                            {{"Mood:"}, {" "}, {"2", 0.5, {{"1", 0.25}, {"3", 0.25}}}}, {.weights = {{"3", 4}}});
  CHECK(score.at("mood") == 3);
}

TEST_CASE("Tokens that are not those of the reply tell nothing") {
  Completion reply{.text = "Mood: glad",
                   .logprobs = {{.text = "```", .logprob = -1.4}, {.text = " sad", .logprob = -0.1}}};
  const auto lm = std::make_shared<ScriptedLM>([reply](const Request&) { return Reply(reply, {.requests = 1}); });
  const auto out =
      Predict(glad_or_sad, {.lm = lm, .adapter = adapter("field"), .decisions = {{"mood", {}}}})({{"text", "?"}});
  CHECK(out.at("mood") == "glad");
  CHECK(has_flag(out, "partial_log_probabilities"));
  CHECK_FALSE(out.probabilities.contains("mood.sad"));
}

TEST_CASE("A reply that tells too little leaves the value as the model wrote it") {
  const auto few = answer(glad_or_sad, "field", {{"Mood:"}, {" glad", 0.6}});
  CHECK(few.at("mood") == "glad");
  CHECK_FALSE(few.probabilities.contains("mood.glad"));
  CHECK(has_flag(few, "partial_log_probabilities"));
  CHECK(decision_of(few, Signature::parse(glad_or_sad).outputs[0]).method == DecisionMethod::none);

  // A beginning of both answers, which could have gone on as either.
  constexpr std::string_view alike = "text -> mood: Literal['glad', 'grim']";
  const std::vector<Token> rest = {{"lad", 0.5, {{"rim", 0.5}}}};
  CHECK(has_flag(answer(alike, "field", {{"Mood:"}, {" glad", 0.5, {{" grim", 0.3}, {" g", 0.2}}}}),
                 "partial_log_probabilities"));
  const auto begun = answer(alike, "field", {{"Mood:"}, {" g", 0.99, {{" grim", 0.01}}}, rest[0]});
  CHECK(begun.probabilities.at("mood.grim") == doctest::Approx(0.505));

  // An answer that another begins with.
  constexpr std::string_view within = "text -> mood: Literal['glad', 'gladly']";
  CHECK(
      has_flag(answer(within, "field", {{"Mood:"}, {" glad", 0.9, {{" gladly", 0.1}}}}), "partial_log_probabilities"));
  const auto ended =
      answer(within, "xml", {{"<mood>"}, {"glad", 0.9, {{"gladly", 0.1}}}, {"</", 0.75, {{"ly", 0.25}}}, {"mood>"}});
  CHECK(ended.probabilities.at("mood.gladly") == doctest::Approx(0.1 + 0.9 * 0.25));
}
