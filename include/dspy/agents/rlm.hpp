#pragma once

#include "dspy/agents/program_of_thought.hpp"
#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/predict.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace dspy {

struct RLMOptions {
  int max_iterations = 20;          ///< Pieces of code at most.  At least 1.
  int max_llm_calls = 50;           ///< Questions that code may ask, together; n prompts of a batch are n.
  std::size_t max_output = 10'000;  ///< Bytes of an output that the model is shown.
  std::size_t preview = 1'000;      ///< Bytes of an input that the model is shown.
  std::size_t concurrency = 8;      ///< Questions of a batch at once.
  std::shared_ptr<LM> sub_lm = {};  ///< Answers code's questions; else the one that writes the code.
  CodeOptions code = {};
  PredictorOptions predictor = {};
};

/// A recursive language model (Zhang, Kraska and Khattab 2025): the inputs are variables in a sandboxed Python, of
/// which the model sees only a preview; it explores them with code, asks a model about parts of them, and submits the
/// outputs.  For inputs far longer than any context.  DSPy's `RLM`.
///
///     dspy::RLM explore("documents: list[str], question -> answer");
///
/// Code may call `llm_query(prompt)`, `llm_query_batched(prompts)`, the tools, and `SUBMIT(…)`, whose values must have
/// the outputs' types: otherwise the code gets an error.  When the iterations are used up, the outputs are extracted
/// from the findings.  The prediction also has `trajectory` and `final_reasoning`.
class RLM : public Module<RLM, JsonObject, Prediction> {
 public:
  explicit RLM(const Signature& signature, RLMOptions options = {}, const Tools& tools = {});
  explicit RLM(std::string_view notation, RLMOptions options = {}, const Tools& tools = {})
      : RLM(Signature::parse(notation), std::move(options), tools) {}

  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    visit("generate_action", act_);
    visit("extract", extract_);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit("generate_action", act_);
    visit("extract", extract_);
  }

 private:
  std::shared_ptr<const Signature> signature_;
  std::vector<HostFunction> functions_;
  RLMOptions options_;
  Predict<> act_, extract_;
};

}  // namespace dspy
