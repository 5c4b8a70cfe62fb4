#include "dspy/evaluate/metrics/judges.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/signature/limits.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::metrics {
namespace {

Field share(const std::string& name, const std::string& description) {
  return make_field(name, Type::number({.ge = 0.0, .le = 1.0}), description);
}

double number_at(const Prediction& prediction, std::string_view name) {
  return prediction.at(name).to_number<double>();
}

/// A value of an example or a prediction as text.
std::string text_at(const JsonObject& data, const std::string& name, std::string_view owner) {
  const auto* const value = data.if_contains(name);
  if (value == nullptr)
    throw Error(Errc::bad_input,
                std::format("the {} has no `{}` to judge; name its field (JudgedFields)", owner, name));
  return value->is_string() ? std::string(view(value->get_string())) : to_text(*value);
}

/// The score, or whether it is enough.
Score verdict(const Prediction& judged, const MetricInput& input, double threshold) {
  auto score = score_of(judged);
  if (input.for_demonstration) score.value = score.value >= threshold ? 1 : 0;
  return score;
}

template <class P>
Async<Score> judged_score(P program, JsonObject inputs, MetricInput input, double threshold) {
  Run how;
  const auto judged = co_await program.run(std::move(inputs), std::move(how));
  co_return verdict(judged, input, threshold);
}

JsonObject compared(const MetricInput& input, const JudgedFields& fields) {
  return {{"question", text_at(input.example.data, fields.question, "example")},
          {"ground_truth", text_at(input.example.data, fields.response, "example")},
          {"system_response", text_at(input.prediction.data, fields.response, "prediction")}};
}

}  // namespace

Signature SemanticF1::instructions(bool decompositional) {
  auto signature = Signature::parse(
      "question, ground_truth, system_response -> recall: float",
      decompositional
          ? "List the key ideas of the ground truth and those of the system response. Then say which of them both "
            "have: "
            "recall is the share of the ground truth's ideas that the response has, precision the share of the "
            "response's ideas that the ground truth has."
          : "Compare the content of the system response with that of the ground truth. Recall is the share of the "
            "ground "
            "truth that the response covers, precision the share of the response that the ground truth covers.");
  signature.outputs.clear();
  if (decompositional) {
    signature.outputs.push_back(make_field("ground_truth_key_ideas", {}, "The ideas of the ground truth, numbered."));
    signature.outputs.push_back(make_field("system_response_key_ideas", {}, "The ideas of the response, numbered."));
    signature.outputs.push_back(make_field("discussion", {}, "Which ideas both have."));
  }
  signature.outputs.push_back(share("recall", "From 0 to 1: the share of the ground truth that the response covers."));
  signature.outputs.push_back(
      share("precision", "From 0 to 1: the share of the response that the ground truth covers."));
  return signature;
}

Async<Prediction> SemanticF1::run(JsonObject inputs, Run how) const {
  auto out = co_await score.run(std::move(inputs), std::move(how));
  out.data["score"] = harmonic_f1(number_at(out, "precision"), number_at(out, "recall"));
  co_return out;
}

Signature CompleteAndGrounded::completeness() {
  auto signature = Signature::parse("question, ground_truth, system_response -> completeness",
                                    "Say how much of the ground truth the system response covers.");
  signature.outputs = {make_field("ground_truth_key_ideas", {}, "The ideas of the ground truth, numbered."),
                       make_field("system_response_key_ideas", {}, "The ideas of the response, numbered."),
                       make_field("discussion", {}, "Which of the ground truth's ideas the response has."),
                       share("completeness", "From 0 to 1: the share of the ground truth that the response covers.")};
  return signature;
}

Signature CompleteAndGrounded::groundedness() {
  auto signature = Signature::parse("question, retrieved_context, system_response -> groundedness",
                                    "Say how much of the system response the context supports.");
  signature.outputs = {make_field("system_response_claims", {}, "What the response claims, numbered."),
                       make_field("discussion", {}, "Which of the claims the context supports."),
                       share("groundedness", "From 0 to 1: the share of the response that the context supports.")};
  return signature;
}

Async<Prediction> CompleteAndGrounded::run(JsonObject inputs, Run how) const {
  const auto context = inputs.if_contains("retrieved_context") != nullptr ? inputs.at("retrieved_context") : Json();
  JsonObject supported{{"question", inputs.at("question")},
                       {"retrieved_context", context},
                       {"system_response", inputs.at("system_response")}};
  inputs.erase("retrieved_context");
  const auto whole = co_await complete.run(std::move(inputs), how);
  const auto firm = co_await grounded.run(std::move(supported), std::move(how));
  Prediction out;
  out.data["completeness"] = whole.at("completeness");
  out.data["groundedness"] = firm.at("groundedness");
  out.data["score"] = harmonic_f1(number_at(firm, "groundedness"), number_at(whole, "completeness"));
  out.lm_usage = whole.lm_usage + firm.lm_usage;
  co_return out;
}

Judge::Judge(const std::string& rubric, int points, PredictorOptions options)
    : judge([&] {
        if (points < 1) throw Error(Errc::invalid_parameter, "a judge gives at least 1 point at most");
        auto signature = Signature::parse("example: Any, prediction: Any -> feedback",
                                          "Judge the prediction for the example by this rubric.\n" + rubric);
        signature.outputs = {make_field("feedback", {}, "What is right and what is wrong, in a sentence or two."),
                             make_field("points", Type::integer({.ge = 0, .le = points}),
                                        std::format("From 0 to {}, by the rubric.", points))};
        return ChainOfThought<>(signature, std::move(options));
      }()),
      most(points) {}

Async<Prediction> Judge::run(JsonObject inputs, Run how) const {
  auto out = co_await judge.run(std::move(inputs), std::move(how));
  out.data["score"] = number_at(out, "points") / most;
  co_return out;
}

Metric metric(SemanticF1 program, JudgedFields fields, double threshold) {
  return {"semantic_f1",
          [program = std::move(program), fields = std::move(fields), threshold](const MetricInput& input) {
            return judged_score(program, compared(input, fields), input, threshold);
          }};
}

Metric metric(CompleteAndGrounded program, JudgedFields fields, double threshold) {
  return {"complete_and_grounded",
          [program = std::move(program), fields = std::move(fields), threshold](const MetricInput& input) {
            auto inputs = compared(input, fields);
            inputs["retrieved_context"] = text_at(input.prediction.data, fields.context, "prediction");
            return judged_score(program, std::move(inputs), input, threshold);
          }};
}

Metric metric(Judge program) {
  return {"judge", [program = std::move(program)](const MetricInput& input) {
            JsonObject inputs{{"example", input.example.data}, {"prediction", input.prediction.data}};
            return judged_score(program, std::move(inputs), input, 0);
          }};
}

}  // namespace dspy::metrics
