#include "dspy/agents/rlm.hpp"

#include "agents/sandbox/code_text.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/modules/configure.hpp"
#include "dspy/signature/type.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <expected>
#include <format>
#include <mutex>
#include <utility>

namespace dspy {
namespace {

constexpr std::array reserved = {"llm_query", "llm_query_batched", "SUBMIT", "print", "dspy", "interpreter_factory"};

void require_free(std::string_view name, std::string_view what) {
  if (std::ranges::contains(reserved, name) || name.starts_with("_dspy") || name.starts_with("__dspy"))
    throw Error(Errc::invalid_parameter,
                std::format("RLM: the {} `{}` has a name that code needs for something else; rename it", what, name));
}

std::string outputs_text(const Signature& signature) {
  std::string out;
  for (const auto& field : signature.outputs) {
    out += std::format("\n- {}: {}", field.name, to_notation(field.type));
    if (!field.description.empty()) out += ", " + field.description;
  }
  return out;
}

Signature act_signature(const Signature& signature, const std::vector<HostFunction>& functions,
                        const RLMOptions& options) {
  Signature out;
  if (!signature.instructions.empty()) out.instructions = signature.instructions + "\n\n";
  out.instructions += std::format(
      "You work in a Python session whose variables hold the inputs {}. They may be far too long to read: look at "
      "parts "
      "of them by code, and ask a model about pieces. Variables stay from turn to turn, and you see what you print.\n"
      "There are:\n- `llm_query(prompt)`: a model's answer, a str; it sees only the prompt\n- "
      "`llm_query_batched(prompts)`: "
      "answers to a list of prompts, at once\n- `SUBMIT({})`: hands over the outputs and ends the work{}\n"
      "You may ask {} questions in all. Look at the data before you decide how to cut it, check what you find, and "
      "submit "
      "only when you have seen that the values are right.\nOutputs:{}",
      code::names_of(signature.inputs),
      [&] {
        std::string names;
        for (const auto& field : signature.outputs) names += (names.empty() ? "" : ", ") + field.name;
        return names;
      }(),
      code::listing(functions), options.max_llm_calls, outputs_text(signature));
  out.inputs = {make_field("variables_info", {}, "The variables, and how they begin and end"),
                make_field("repl_history", {}, "The turns so far: code and what it printed"),
                make_field("iteration", {}, "This turn, and how many there may be")};
  out.outputs = {make_field("reasoning", {}, "What is known, and what to do next"),
                 make_field("code", Type::code("python"), "Python code for this turn")};
  return out;
}

Signature extract_signature(const Signature& signature) {
  auto out = signature;
  out.instructions = (signature.instructions.empty() ? "" : signature.instructions + "\n\n") +
                     "The work on this was stopped before it ended. Tell the outputs from what was found.";
  out.inputs = {make_field("variables_info", {}, "The variables that held the inputs"),
                make_field("repl_history", {}, "What was done: code and what it printed")};
  return out;
}

std::string variables_text(const Signature& signature, const JsonObject& inputs, std::size_t preview) {
  std::string out;
  for (const auto& [name, value] : inputs) {
    const auto text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
    const auto* const field = signature.find(std::string_view(name));
    if (!out.empty()) out += "\n\n";
    out += std::format("Variable `{}`: {}, {} bytes", std::string_view(name),
                       field != nullptr ? to_notation(field->type) : "Any", text.size());
    if (value.is_array()) out += std::format(", {} items", value.get_array().size());
    if (field != nullptr && !field->description.empty()) out += "; " + field->description;
    out += "\n" + code::cut(text, preview);
  }
  return out;
}

std::string history_text(const JsonArray& turns) {
  std::string out;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const auto& turn = turns[i].as_object();
    out += std::format("{}=== Turn {} ===\nReasoning: {}\nCode:\n```python\n{}\n```\nOutput:\n{}", i == 0 ? "" : "\n\n",
                       i + 1, view(turn.at("reasoning").as_string()), view(turn.at("code").as_string()),
                       view(turn.at("output").as_string()));
  }
  return out.empty() ? "Nothing was done yet." : out;
}

/// Answers code's questions within the budgets of one run.  Thread-safe.
struct Questions {
  std::shared_ptr<LM> lm;
  CallOptions options;
  CallContext context;
  int most = 0;
  std::atomic<int> asked = 0;
  std::mutex mutex;
  Usage usage;  ///< Under the lock.

  void claim(int count) {
    const auto before = asked.fetch_add(count);
    if (before + count <= most) return;
    asked.fetch_sub(count);
    throw Error(Errc::bad_input,
                std::format("only {} of {} questions are left (max_llm_calls); work with what you know",
                            std::max(0, most - before), most));
  }
};

Async<std::string> answer(std::shared_ptr<Questions> questions, std::string prompt) {
  if (questions->context.budget) questions->context.budget->require();
  const auto stop = join(questions->options.stop, questions->context.stop);
  Request request;
  request.messages.push_back({Role::user, std::move(prompt)});
  request.deadline = questions->options.deadline;
  if (const auto outer = questions->context.deadline; outer && (!request.deadline || *outer < *request.deadline))
    request.deadline = outer;
  request.stop = stop.token;
  const auto reply = co_await questions->lm->complete(std::move(request));
  if (questions->context.budget) questions->context.budget->spend(reply.usage);
  const std::lock_guard lock(questions->mutex);
  questions->usage += reply.usage;
  co_return reply.text();
}

Async<Json> answer_one(std::shared_ptr<Questions> questions, JsonObject arguments) {
  const auto* const prompt = arguments.if_contains("prompt");
  if (prompt == nullptr || !prompt->is_string()) throw Error(Errc::bad_input, "llm_query() takes one str, the prompt");
  questions->claim(1);
  co_return co_await answer(questions, std::string(view(prompt->get_string())));
}

Async<void> answer_into(std::shared_ptr<Questions> questions, std::string prompt, Json& out) {
  out = co_await answer(std::move(questions), std::move(prompt));
}

Async<Json> answer_all(std::shared_ptr<Questions> questions, std::size_t concurrency, JsonObject arguments) {
  const auto* const prompts = arguments.if_contains("prompts");
  if (prompts == nullptr || !prompts->is_array())
    throw Error(Errc::bad_input, "llm_query_batched() takes a list of str");
  std::vector<std::string> texts;
  for (const auto& each : prompts->get_array()) {
    if (!each.is_string()) throw Error(Errc::bad_input, "llm_query_batched() takes a list of str");
    texts.emplace_back(view(each.get_string()));
  }
  questions->claim(static_cast<int>(std::min<std::size_t>(texts.size(), 1'000'000)));
  JsonArray out(texts.size());
  co_await run_concurrently(texts.size(), concurrency,
                            [&](std::size_t i) { return answer_into(questions, std::move(texts[i]), out[i]); });
  co_return out;
}

std::vector<HostFunction> with_questions(std::vector<HostFunction> functions, std::shared_ptr<Questions> questions,
                                         std::size_t concurrency) {
  functions.push_back({.name = "llm_query", .parameters = {"prompt"}, .call = [questions](JsonObject arguments) {
                         return answer_one(questions, std::move(arguments));
                       }});
  functions.push_back(
      {.name = "llm_query_batched", .parameters = {"prompts"}, .call = [questions, concurrency](JsonObject arguments) {
         return answer_all(questions, concurrency, std::move(arguments));
       }});
  return functions;
}

/// What was submitted, if it has the outputs' types; else what to tell the code.
std::expected<JsonObject, std::string> checked(const Signature& signature, JsonObject submitted) {
  for (const auto& [name, value] : submitted)
    if (!std::ranges::contains(signature.outputs, std::string_view(name), &Field::name))
      return std::unexpected(std::format("SUBMIT: there is no output `{}`; there are {}", std::string_view(name),
                                         code::names_of(signature.outputs)));
  auto fitted = fit(signature, std::move(submitted));
  if (fitted) return *std::move(fitted);
  return std::unexpected("SUBMIT: " + to_sentence(fitted.error()));
}

std::shared_ptr<Questions> questions_of_run(const RLMOptions& options, const Predictor& act, const CallOptions& how) {
  auto questions = std::make_shared<Questions>();
  questions->lm = options.sub_lm ? options.sub_lm : act.lm() ? act.lm() : settings().lm;
  if (!questions->lm) throw Error(Errc::config_error, "RLM has no language model; give it one, or configure a default");
  questions->options = how;
  if (act.context() != nullptr) questions->context = *act.context();
  questions->most = options.max_llm_calls;
  return questions;
}

std::string text_at(const Prediction& prediction, std::string_view name) {
  const auto& value = prediction.at(name);
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

}  // namespace

RLM::RLM(const Signature& signature, RLMOptions options, const Tools& tools)
    : signature_(std::make_shared<const Signature>(signature)),
      functions_(host_functions(tools)),
      options_(std::move(options)),
      act_(act_signature(signature, functions_, options_), options_.predictor),
      extract_(extract_signature(signature), options_.predictor) {
  for (const auto& field : signature.inputs) require_free(field.name, "input");
  for (const auto& function : functions_) require_free(function.name, "tool");
  if (options_.max_iterations < 1 || options_.max_llm_calls < 0 || options_.concurrency == 0)
    throw Error(Errc::invalid_parameter,
                "RLM: max_iterations and concurrency must be at least 1, and max_llm_calls not below 0");
}

Async<Prediction> RLM::run(JsonObject inputs, Run how) const {
  inputs = checked_inputs(*signature_, std::move(inputs));
  const auto questions = questions_of_run(options_, act_, how.options);
  const auto interpreter = options_.code.interpreter(with_questions(functions_, questions, options_.concurrency));

  JsonArray turns;
  Usage usage;
  const auto info = variables_text(*signature_, inputs, options_.preview);
  const auto finished = [&](Prediction out, std::string reasoning) {
    out.data["trajectory"] = std::move(turns);
    out.data["final_reasoning"] = std::move(reasoning);
    const std::lock_guard lock(questions->mutex);
    out.lm_usage = usage + questions->usage;
    return out;
  };
  for (int i = 0; i < options_.max_iterations; ++i) {
    JsonObject asked{{"variables_info", info},
                     {"repl_history", history_text(turns)},
                     {"iteration", std::format("{}/{}", i + 1, options_.max_iterations)}};
    const auto written = co_await act_.run(std::move(asked), Run{.options = how.options});
    usage += written.lm_usage;
    auto reasoning = text_at(written, "reasoning");
    auto code = text_at(written, "code");
    std::string output;
    if (const auto extracted = code::extracted(code)) {
      code = *extracted;
      JoinedStop stop;
      auto request = code::request_for(code, how.options, act_.context(), options_.code.time_limit, stop);
      request.variables = i == 0 ? inputs : JsonObject();
      for (const auto& field : signature_->outputs) request.submit_fields.push_back(field.name);
      auto execution = co_await interpreter->execute(std::move(request));
      auto told = code::told(execution);
      output = told.failure.empty() ? told.output : told.output + "\n[Error] " + told.failure;
      if (execution.submitted) {
        auto outputs = checked(*signature_, *std::move(execution.submitted));
        if (outputs) {
          turns.push_back(JsonObject{{"reasoning", reasoning}, {"code", code}, {"output", "submitted"}});
          Prediction out{.data = *std::move(outputs)};
          co_return finished(std::move(out), std::move(reasoning));
        }
        output = "[Error] " + outputs.error();
      }
      if (execution.state_lost) {
        output += "\nThe inputs are gone too; they are set again now.";
        ExecuteRequest again{.code = "pass", .variables = inputs};
        co_await interpreter->execute(std::move(again));
      }
    } else {
      output = "[Error] " + extracted.error();
    }
    turns.push_back(JsonObject{{"reasoning", std::move(reasoning)},
                               {"code", std::move(code)},
                               {"output", code::cut(std::move(output), options_.max_output)}});
  }
  JsonObject last{{"variables_info", info}, {"repl_history", history_text(turns)}};
  auto out = co_await extract_.run(std::move(last), std::move(how));
  usage += out.lm_usage;
  co_return finished(std::move(out), "the iterations were used up; the outputs are extracted from what was found");
}

}  // namespace dspy
