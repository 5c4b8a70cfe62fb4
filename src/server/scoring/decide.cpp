#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/program_call.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/members.hpp"
#include "server/protocols/model_call.hpp"
#include "server/random_id.hpp"
#include "server/scoring/endpoints.hpp"
#include "server/traced_error.hpp"

#include <cstddef>
#include <format>
#include <string>
#include <utility>
#include <vector>

// System One: typed questions about a state, answered with measured probabilities.  Each question is asked by itself,
// so that no answer bears on another; they share the state's part of the prompt.

namespace dspy::server::scoring {
namespace {

struct Question {
  std::string name = {};
  std::string type = {};
  Signature signature = {};
  DecisionSettings settings = {};
  Json legend = {};
};

constexpr std::size_t most_choices = 255;
constexpr std::size_t most_levels = 10;

std::string criterion(const Json& value, std::string_view place) {
  if (value.is_null()) return {};
  if (!value.is_string()) wrong(place, "must be a text or null");
  return std::string(view(value.get_string()));
}

void explain(Field& field, std::string_view label, std::string_view meaning) {
  if (meaning.empty()) return;
  if (!field.description.empty()) field.description += "; ";
  field.description += std::format("{}: {}", label, meaning);
}

Field yes_or_no(Members& question) {
  auto out = make_field("answer", Type::boolean());
  const auto* const criteria = question.object("criteria");
  if (criteria == nullptr) return out;
  Members meanings(*criteria, question.at("criteria"));
  for (const auto* const name : {"true", "false"})
    if (const auto meaning = meanings.text(name)) explain(out, name, *meaning);
  meanings.finish();
  return out;
}

Field one_of(Members& question) {
  const auto* const criteria = question.object("criteria");
  const auto place = question.at("criteria");
  if (criteria == nullptr || criteria->size() < 2 || criteria->size() > most_choices)
    wrong(place, std::format("must be an object of 2 to {} choices", most_choices));
  std::vector<Json> choices;
  for (const auto& each : *criteria) choices.emplace_back(each.key());
  auto out = make_field("answer", Type::literal(std::move(choices)));
  for (const auto& each : *criteria)
    explain(out, each.key(), criterion(each.value(), std::format("{}.{}", place, std::string_view(each.key()))));
  return out;
}

Field level(Members& question, Question& out) {
  const auto* const criteria = question.list("criteria");
  const auto place = question.at("criteria");
  if (criteria == nullptr || criteria->size() < 2 || criteria->size() > most_levels)
    wrong(place, std::format("must be a list of 2 to {} levels, from low to high", most_levels));
  std::vector<Json> levels;
  JsonObject legend;
  for (std::size_t i = 0; i < criteria->size(); ++i) levels.emplace_back(i);
  auto field = make_field("answer", Type::literal(std::move(levels)));
  for (std::size_t i = 0; i < criteria->size(); ++i) {
    const auto meaning = criterion((*criteria)[i], indexed(place, i));
    explain(field, std::to_string(i), meaning);
    legend[std::to_string(i)] = meaning;
  }
  out.settings.is_scale = true;
  out.legend = std::move(legend);
  return field;
}

Question read_question(std::string name, const Json& given) {
  const auto place = std::format("questions.{}", name);
  Members question(object_of(given, place), place);
  Question out{.name = std::move(name), .type = question.required_text("type")};
  out.signature.instructions = question.required_text("instructions");
  out.signature.inputs.push_back(make_field("state"));
  if (out.type == "noul")
    out.signature.outputs.push_back(yes_or_no(question));
  else if (out.type == "choice")
    out.signature.outputs.push_back(one_of(question));
  else if (out.type == "score")
    out.signature.outputs.push_back(level(question, out));
  else
    wrong(question.at("type"), "must be noul, choice or score");
  question.finish();
  return out;
}

struct Answer {
  JsonObject body = {};
  Usage usage = {};
};

JsonObject answer_of(const Question& question, const Decision& decision) {
  if (decision.method != DecisionMethod::measured && decision.method != DecisionMethod::log_probabilities)
    throw Error(Errc::unsupported,
                std::format("the model does not report the probabilities of the answers to `{}`; use one that this "
                            "server has loaded, or one that reports log-probabilities",
                            question.name),
                {.feature = "model"});
  JsonObject out{{"type", question.type}};
  if (question.type == "noul") {
    out["noul"] = decision.probability("true").value();
    return out;
  }
  out[question.type] = decision.value;
  auto& probabilities = out["probabilities"].emplace_object();
  for (const auto& [label, probability] : decision.probabilities) probabilities[label] = probability;
  if (!question.legend.is_null()) out["legend"] = question.legend;
  if (decision.confidence) out["confidence"] = *decision.confidence;
  return out;
}

Async<Answer> ask_one(Question question, std::string state, std::shared_ptr<LM> lm, CallContext around,
                      std::stop_token stop) {
  const auto field = question.signature.outputs.front();
  PredictorOptions options{.lm = std::move(lm), .sampling = {.temperature = 0}};
  options.decisions.emplace(field.name, question.settings);
  Predictor predictor(question.signature, std::move(options));
  if (around.budget || around.trace || around.deadline) predictor.set_context(around);
  const auto prediction = co_await predictor.acall({{"state", state}}, {.stop = std::move(stop)});
  const auto decision = decision_of(prediction, field, question.settings);
  co_return Answer{.body = answer_of(question, decision), .usage = prediction.usage()};
}

}  // namespace

Json decide_error(const Error& error, int status) {
  const auto* const type = status == 401 ? "authentication_error" : status == 429 ? "rate_limit_error" : nullptr;
  JsonObject detail{{"error_type", type != nullptr ? std::string_view(type) : to_string(error.code())},
                    {"message", error.what()}};
  tell_trace(detail, error);
  return JsonObject{{"detail", std::move(detail)}};
}

Async<HttpResponse> decide(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto object = json_body(request);
  Members body(object);
  const auto name = body.required_text("model");
  const auto& given = body.require("state");
  const auto state = given.is_string() ? std::string(view(given.get_string())) : to_text(given);
  const auto* const questions = body.object("questions");
  if (questions == nullptr || questions->empty()) wrong("questions", "must have a question");
  body.finish();
  std::vector<Question> all;
  for (const auto& each : *questions) all.push_back(read_question(std::string(each.key()), each.value()));
  const auto lm = gateway->model(request.caller, name)->lm;
  if (!lm) throw Error(Errc::unsupported, std::format("`{}` writes no replies", name), {.feature = "model"});
  const auto budget = gateway->charge(request.caller);
  auto stamp = Stamp::now();
  stamp.trace_id = random_id();
  const auto trace = gateway->trace(request.caller, name, "", stamp);
  const auto remote_parent = remote_parent_of(request);
  ModelCall call(trace, {{"state", given}, {"questions", *questions}}, remote_parent);
  const CallContext around{.deadline = request.deadline,
                           .budget = budget,
                           .trace = trace,
                           .parent_span = call.id(),
                           .remote_parent = remote_parent};
  std::vector<Async<Answer>> works;
  for (const auto& question : all) works.push_back(ask_one(question, state, lm, around, request.stop));
  std::vector<Answer> answers;
  try {
    answers = co_await when_all(std::move(works));
  } catch (const Error& error) {
    call.end(error);
    throw with_trace(error, stamp.trace_id);
  }
  Usage usage;
  JsonObject out{{"model", name}};
  auto& said = out["answers"].emplace_object();
  for (std::size_t i = 0; i < all.size(); ++i) {
    said[all[i].name] = answers[i].body;
    usage += answers[i].usage;
  }
  auto& counts = out["usage"].emplace_object();
  if (usage.prompt_tokens) counts["input_tokens"] = *usage.prompt_tokens;
  if (usage.completion_tokens) counts["output_tokens"] = *usage.completion_tokens;
  if (const auto cost = dollars(usage)) counts["cost"] = *cost;
  call.end(out.at("answers").as_object(), usage);
  auto response = json_response(out);
  response.headers.set("x-typesafe-request-id", stamp.id);
  tell_trace(response, stamp);
  tell_cost(response, usage);
  co_return response;
}

}  // namespace dspy::server::scoring
