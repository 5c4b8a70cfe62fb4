#pragma once

#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/predict.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Where and how long code of a model runs.
struct CodeOptions {
  InterpreterFactory interpreter = python_interpreters();  ///< Asked once for each run.
  std::chrono::milliseconds time_limit{30'000};            ///< Of each piece of code.
};

struct ProgramOfThoughtOptions {
  int max_iterations = 3;  ///< Pieces of code at most.  At least 1.
  CodeOptions code = {};
  PredictorOptions predictor = {};
};

/// Lets the model write a Python program that computes the outputs, runs it in a sandbox, and extracts the outputs from
/// its result.  Code that fails is shown to the model with its error.  DSPy's `ProgramOfThought`.
///
///     dspy::ProgramOfThought solve("question -> answer: float");
///     auto out = solve({{"question", "What is the 30th Fibonacci number?"}});
///
/// The prediction also has `trajectory`, each piece of code with its result.  Throws `Error` (`inference_failed`) if no
/// piece of code ran, and what the interpreter throws (`unsupported` without a sandbox).
class ProgramOfThought : public Module<ProgramOfThought, JsonObject, Prediction> {
 public:
  explicit ProgramOfThought(const Signature& signature, ProgramOfThoughtOptions options = {});
  explicit ProgramOfThought(std::string_view notation, ProgramOfThoughtOptions options = {})
      : ProgramOfThought(Signature::parse(notation), std::move(options)) {}

  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    visit("code_generate.predict", generate_);
    visit("code_regenerate.predict", regenerate_);
    visit("generate_output.predict", answer_);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit("code_generate.predict", generate_);
    visit("code_regenerate.predict", regenerate_);
    visit("generate_output.predict", answer_);
  }

 private:
  std::vector<std::string> outputs_;
  int max_iterations_;
  CodeOptions code_;
  ChainOfThought<> generate_, regenerate_, answer_;
};

struct CodeActOptions {
  int max_iterations = 5;  ///< Pieces of code at most.  At least 1.
  CodeOptions code = {};
  PredictorOptions predictor = {};
};

/// An agent that acts by writing Python, in which its tools are functions.  Variables stay from one piece of code to
/// the next.  DSPy's `CodeAct`, with any tool: tools run outside of the sandbox.
///
///     dspy::CodeAct agent("question -> answer", tools);
///
/// The prediction has also `trajectory`: `generated_code_0`, `code_output_0` or `observation_0`, ….
class CodeAct : public Module<CodeAct, JsonObject, Prediction> {
 public:
  CodeAct(const Signature& signature, const Tools& tools, CodeActOptions options = {});
  CodeAct(std::string_view notation, const Tools& tools, CodeActOptions options = {})
      : CodeAct(Signature::parse(notation), tools, std::move(options)) {}

  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    visit("codeact", act_);
    visit("extractor.predict", extract_);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit("codeact", act_);
    visit("extractor.predict", extract_);
  }

 private:
  std::vector<HostFunction> functions_;
  int max_iterations_;
  CodeOptions code_;
  Predict<> act_;
  ChainOfThought<> extract_;
};

}  // namespace dspy
