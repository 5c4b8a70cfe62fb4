#include "dspy/agents/program_of_thought.hpp"

#include "agents/sandbox/code_text.hpp"
#include "dspy/base/error.hpp"

#include <format>
#include <utility>

namespace dspy {
namespace {

std::string task_of(const Signature& signature) {
  return signature.instructions.empty() ? "" : signature.instructions + "\n\n";
}

Field code_output(std::string description) {
  return make_field("generated_code", Type::code("python"), std::move(description));
}

Signature only_inputs(const Signature& signature, std::string instructions) {
  Signature out;
  out.instructions = std::move(instructions);
  out.inputs = signature.inputs;
  return out;
}

std::string how_to_submit(const Signature& signature) {
  return std::format("When the result is there, hand it over with `SUBMIT({{...}})`, a dict with the keys {}.",
                     code::names_of(signature.outputs));
}

Signature generate_signature(const Signature& signature) {
  auto out = only_inputs(signature, std::format("{}You are given {}. Write Python code that computes {}. {}",
                                                task_of(signature), code::names_of(signature.inputs),
                                                code::names_of(signature.outputs), how_to_submit(signature)));
  out.outputs = {code_output("Python code that computes the answer")};
  return out;
}

Signature regenerate_signature(const Signature& signature) {
  auto out = only_inputs(
      signature,
      std::format("{}You are given {}, Python code that was to compute {}, and the error that it ended with. "
                  "Correct the mistake, and write the whole code again. {}",
                  task_of(signature), code::names_of(signature.inputs), code::names_of(signature.outputs),
                  how_to_submit(signature)));
  out.inputs.push_back(make_field("previous_code", Type::code("python"), "Python code that failed"));
  out.inputs.push_back(make_field("error", {}, "What it failed with"));
  out.outputs = {code_output("Python code without the mistake")};
  return out;
}

Signature answer_signature(const Signature& signature) {
  auto out = signature;
  out.instructions = std::format("{}Given the final code and what came out of it, tell {}.", task_of(signature),
                                 code::names_of(signature.outputs));
  out.inputs.push_back(make_field("final_generated_code", Type::code("python"), "Python code that was run"));
  out.inputs.push_back(make_field("code_output", {}, "What came out of it"));
  return out;
}

Signature act_signature(const Signature& signature, const std::vector<HostFunction>& functions) {
  auto out = only_inputs(
      signature,
      std::format(
          "{}You are an agent that works by writing Python. In each turn you write code that gathers what is "
          "needed for {}; you see what it prints, and its last value, in the next turn. Variables stay from turn "
          "to turn. Only the standard library and these functions are there:{}\nDo not define these functions. "
          "Set `finished` with the code that completes what is needed.",
          task_of(signature), code::names_of(signature.outputs), code::listing(functions)));
  out.inputs.push_back(make_field("trajectory", {}, "The turns so far"));
  out.outputs = {code_output("Python code for this turn"),
                 make_field("finished", Type::boolean(), "True if all that is needed is there after this code")};
  return out;
}

Signature extract_signature(const Signature& signature) {
  return signature.append(Direction::input, make_field("trajectory", {}, "The code that was run, and what came of it"));
}

std::string text_at(const Prediction& prediction, std::string_view name) {
  const auto& value = prediction.at(name);
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

std::vector<std::string> names(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const auto& field : fields) out.push_back(field.name);
  return out;
}

void require_iterations(int count, std::string_view who) {
  if (count < 1)
    throw Error(Errc::invalid_parameter, std::format("{}: max_iterations must be at least 1, not {}", who, count));
}

/// What a run streams is its answer, not the code on the way.
Run quiet(const Run& how) {
  return {.options = how.options};
}

}  // namespace

ProgramOfThought::ProgramOfThought(const Signature& signature, ProgramOfThoughtOptions options)
    : outputs_(names(signature.outputs)),
      max_iterations_(options.max_iterations),
      code_(options.code),
      generate_(generate_signature(signature), options.predictor),
      regenerate_(regenerate_signature(signature), options.predictor),
      answer_(answer_signature(signature), options.predictor) {
  require_iterations(max_iterations_, "ProgramOfThought");
}

Async<Prediction> ProgramOfThought::run(JsonObject inputs, Run how) const {
  const auto interpreter = code_.interpreter({});
  JsonObject trajectory;
  Usage usage;
  std::string code, failure;
  for (int i = 0; i < max_iterations_; ++i) {
    Prediction written;
    if (i == 0) {
      written = co_await generate_.run(inputs, quiet(how));
    } else {
      auto again = inputs;
      again["previous_code"] = code;
      again["error"] = failure;
      written = co_await regenerate_.run(std::move(again), quiet(how));
    }
    usage += written.lm_usage;
    code = text_at(written, "generated_code");
    code::Told told;
    if (const auto extracted = code::extracted(code)) {
      code = code::with_last_value(*extracted);
      JoinedStop stop;
      auto request = code::request_for(code, how.options, generate_.context(), code_.time_limit, stop);
      request.submit_fields = outputs_;
      told = code::told(co_await interpreter->execute(std::move(request)));
    } else {
      told.failure = extracted.error();
    }
    trajectory[std::format("generated_code_{}", i)] = code;
    if (told.failure.empty()) {
      trajectory[std::format("code_output_{}", i)] = told.output;
    } else {
      trajectory[std::format("error_{}", i)] = told.failure;
    }
    failure = std::move(told.failure);
    if (!failure.empty()) continue;
    inputs["final_generated_code"] = code;
    inputs["code_output"] = told.output;
    auto out = co_await answer_.run(std::move(inputs), std::move(how));
    usage += out.lm_usage;
    out.lm_usage = usage;
    out.data["trajectory"] = std::move(trajectory);
    co_return out;
  }
  throw Error(Errc::inference_failed,
              std::format("none of {} pieces of code worked; the last failed with: {}", max_iterations_, failure),
              {.usage = usage, .raw = code});
}

CodeAct::CodeAct(const Signature& signature, const Tools& tools, CodeActOptions options)
    : functions_(host_functions(tools)),
      max_iterations_(options.max_iterations),
      code_(options.code),
      act_(act_signature(signature, functions_), options.predictor),
      extract_(extract_signature(signature), options.predictor) {
  require_iterations(max_iterations_, "CodeAct");
}

Async<Prediction> CodeAct::run(JsonObject inputs, Run how) const {
  const auto interpreter = code_.interpreter(functions_);
  JsonObject trajectory;
  Usage usage;
  for (int i = 0; i < max_iterations_; ++i) {
    auto turn = inputs;
    turn["trajectory"] = code::trajectory_text(trajectory);
    const auto written = co_await act_.run(std::move(turn), quiet(how));
    usage += written.lm_usage;
    const auto observation = std::format("observation_{}", i);
    const auto extracted = code::extracted(text_at(written, "generated_code"));
    if (!extracted) {
      trajectory[observation] = "Failed to parse the generated code: " + extracted.error();
      continue;
    }
    trajectory[std::format("generated_code_{}", i)] = *extracted;
    JoinedStop stop;
    auto request =
        code::request_for(code::with_last_value(*extracted), how.options, act_.context(), code_.time_limit, stop);
    auto told = code::told(co_await interpreter->execute(std::move(request)));
    if (told.failure.empty()) {
      trajectory[std::format("code_output_{}", i)] = std::move(told.output);
    } else {
      trajectory[observation] = "Failed to execute the generated code: " + told.failure;
    }
    const auto* const finished = written.get("finished");
    if (finished != nullptr && finished->is_bool() && finished->get_bool()) break;
  }
  inputs["trajectory"] = code::trajectory_text(trajectory);
  auto out = co_await extract_.run(std::move(inputs), std::move(how));
  usage += out.lm_usage;
  out.lm_usage = usage;
  out.data["trajectory"] = std::move(trajectory);
  co_return out;
}

}  // namespace dspy
