#include "dspy/evaluate/metrics/rag.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::metrics {
namespace {

const Json& member(const JsonObject& data, std::string_view name, std::string_view owner) {
  if (const auto* const value = data.if_contains(name)) return *value;
  throw Error(Errc::bad_input, std::format("the {} has no `{}` to judge; name its field (RagFields)", owner, name));
}

std::string text_of(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

const JsonArray& list_of(const JsonObject& data, std::string_view name) {
  const auto& value = member(data, name, "input");
  if (!value.is_array() || value.get_array().empty())
    throw Error(Errc::bad_input,
                std::format("`{}` is not a list of texts, or an empty one; give what was retrieved", name));
  return value.get_array();
}

std::string joined(const JsonArray& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : "\n\n") + text_of(text);
  return out;
}

/// The share of the statements that the contexts support.
Async<Prediction> supported_share(Predict<> take_apart, Predict<> judge, Json question, std::string answer,
                                  std::string contexts, Run how) {
  JsonObject asked{{"question", std::move(question)}, {"answer", answer}};
  auto out = co_await take_apart.run(std::move(asked), how);
  const auto statements = out.at("statements").as_array();
  if (statements.empty()) throw Error(Errc::bad_input, std::format("there is no statement to judge in `{}`", answer));
  const auto judged =
      co_await judge.run({{"context", std::move(contexts)}, {"statements", statements}}, std::move(how));
  const auto verdicts = judged.at("verdicts").as_array();
  if (verdicts.size() != statements.size())
    throw Error(Errc::parse_error,
                std::format("there are {} verdicts on {} statements", verdicts.size(), statements.size()));
  const auto supported = std::ranges::count_if(verdicts, [](const Json& verdict) { return verdict.as_bool(); });
  out.data["verdicts"] = verdicts;
  out.data["score"] = static_cast<double>(supported) / static_cast<double>(statements.size());
  out.lm_usage += judged.lm_usage;
  co_return out;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0, of_a = 0, of_b = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    of_a += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    of_b += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return of_a > 0 && of_b > 0 ? product / std::sqrt(of_a * of_b) : 0;
}

Async<Prediction> relevance(AnswerRelevance program, JsonObject inputs, Run how) {
  if (!program.embedder) throw Error(Errc::config_error, "answer relevance compares embeddings; give it an embedder");
  std::vector<std::string> texts{text_of(member(inputs, "question", "input"))};
  JsonObject asked{{"answer", member(inputs, "answer", "input")}, {"count", program.questions}};
  auto out = co_await program.write.run(std::move(asked), std::move(how));
  for (const auto& each : out.at("generated").as_array())
    if (!text::trim(view(each.as_string())).empty()) texts.push_back(text_of(each));
  if (texts.size() == 1) throw Error(Errc::bad_input, "the model wrote no question that the answer would answer");
  const bool evades = out.at("noncommittal").as_bool();
  const auto count = texts.size();
  EmbedRequest request{.texts = std::move(texts)};
  const auto found = co_await program.embedder->embed(std::move(request));
  if (found.vectors.size() != count) throw Error(Errc::inference_failed, "the embedder gave another number of vectors");
  double sum = 0;
  for (std::size_t i = 1; i < count; ++i) sum += cosine(found.vectors[0], found.vectors[i]);
  out.data["score"] = evades ? 0 : sum / static_cast<double>(count - 1);
  co_return out;
}

Async<Prediction> precision_of(ContextPrecision program, JsonObject inputs, Run how) {
  std::vector<bool> useful;
  Prediction out;
  JsonArray verdicts;
  for (const auto& context : list_of(inputs, "contexts")) {
    JsonObject asked{{"question", member(inputs, "question", "input")},
                     {"answer", text_of(member(inputs, "reference", "input"))},
                     {"context", text_of(context)}};
    const auto judged = co_await program.judge.run(std::move(asked), how);
    useful.push_back(judged.at("useful").as_bool());
    verdicts.emplace_back(bool{useful.back()});
    out.lm_usage += judged.lm_usage;
  }
  out.data["verdicts"] = std::move(verdicts);
  out.data["score"] = context_precision(useful);
  co_return out;
}

template <class P>
Async<Score> judged(P program, JsonObject inputs) {
  co_return score_of(co_await program.run(std::move(inputs), Run{}));
}

template <class P>
Metric metric_of(std::string name, P program, RagFields fields, bool needs_reference, bool needs_answer,
                 bool needs_contexts) {
  return {std::move(name), [=](const MetricInput& input) -> Async<Score> {
            JsonObject values{{"question", member(input.example.data, fields.question, "example")}};
            if (needs_reference) values["reference"] = member(input.example.data, fields.reference, "example");
            if (needs_answer) values["answer"] = member(input.prediction.data, fields.answer, "prediction");
            if (needs_contexts) values["contexts"] = member(input.prediction.data, fields.contexts, "prediction");
            return judged(program, std::move(values));
          }};
}

std::size_t common(std::span<const std::string> retrieved, std::span<const std::string> right,
                   std::set<std::string_view>& found, std::set<std::string_view>& wanted) {
  found.insert(retrieved.begin(), retrieved.end());
  wanted.insert(right.begin(), right.end());
  if (found.empty() || wanted.empty())
    throw Error(Errc::bad_input, "there are no retrieved ids, or no right ones, to compare");
  return static_cast<std::size_t>(std::ranges::count_if(found, [&](const auto id) { return wanted.contains(id); }));
}

}  // namespace

Signature Faithfulness::statements() {
  return Signature::parse("question, answer -> statements: list[str]",
                          "Take the answer apart into statements that each say one thing and can be understood alone, "
                          "without pronouns. An answer that states nothing has none.");
}

Signature Faithfulness::verdicts() {
  return Signature::parse("context, statements: list[str] -> verdicts: list[bool]",
                          "For each of the statements in their order, say whether it follows from the context alone.");
}

Async<Prediction> Faithfulness::run(JsonObject inputs, Run how) const {
  return supported_share(take_apart, judge, member(inputs, "question", "input"),
                         text_of(member(inputs, "answer", "input")), joined(list_of(inputs, "contexts")),
                         std::move(how));
}

Async<Prediction> ContextRecall::run(JsonObject inputs, Run how) const {
  return supported_share(take_apart, judge, member(inputs, "question", "input"),
                         text_of(member(inputs, "reference", "input")), joined(list_of(inputs, "contexts")),
                         std::move(how));
}

Signature AnswerRelevance::generation() {
  return Signature::parse("answer, count: int -> generated: list[str], noncommittal: bool",
                          "Write as many questions as asked for that the answer would be the answer to. It is "
                          "noncommittal if it evades, such as by saying that it does not know.");
}

Async<Prediction> AnswerRelevance::run(JsonObject inputs, Run how) const {
  return relevance(*this, std::move(inputs), std::move(how));
}

Signature ContextPrecision::verdict() {
  return Signature::parse("question, answer, context -> useful: bool",
                          "Say whether the context was useful in arriving at the answer to the question.");
}

Async<Prediction> ContextPrecision::run(JsonObject inputs, Run how) const {
  return precision_of(*this, std::move(inputs), std::move(how));
}

Metric metric(Faithfulness program, RagFields fields) {
  return metric_of("faithfulness", std::move(program), std::move(fields), false, true, true);
}
Metric metric(AnswerRelevance program, RagFields fields) {
  return metric_of("answer_relevance", std::move(program), std::move(fields), false, true, false);
}
Metric metric(ContextPrecision program, RagFields fields) {
  return metric_of("context_precision", std::move(program), std::move(fields), true, false, true);
}
Metric metric(ContextRecall program, RagFields fields) {
  return metric_of("context_recall", std::move(program), std::move(fields), true, false, true);
}

double context_precision(const std::vector<bool>& is_useful) {
  double sum = 0, useful = 0;
  for (std::size_t i = 0; i < is_useful.size(); ++i)
    if (is_useful[i]) sum += ++useful / static_cast<double>(i + 1);
  return useful > 0 ? sum / useful : 0;
}

double id_context_precision(std::span<const std::string> retrieved, std::span<const std::string> right) {
  std::set<std::string_view> found, wanted;
  const auto both = common(retrieved, right, found, wanted);
  return static_cast<double>(both) / static_cast<double>(found.size());
}

double id_context_recall(std::span<const std::string> retrieved, std::span<const std::string> right) {
  std::set<std::string_view> found, wanted;
  const auto both = common(retrieved, right, found, wanted);
  return static_cast<double>(both) / static_cast<double>(wanted.size());
}

}  // namespace dspy::metrics
