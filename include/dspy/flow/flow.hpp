#pragma once

#include "dspy/flow/plan.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// Runs a plan.  A program like any other: a value, whose predictors optimizers and `dspy::load` find by DSPy's paths
/// (`query`, `answer.predict`).  Steps that do not wait for each other are asked at once.
///
///     auto flow = dspy::load_flow("support.toml").flow;
///     auto out = flow({{"ticket", "…"}});
class Flow : public Module<Flow, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`config_error`) as `validate` does.
  explicit Flow(FlowPlan plan);

  /// The outputs of the plan, and the usage and flags of all steps (flags named `step.output`).
  Async<Prediction> run(JsonObject inputs, Run how) const;

  const FlowPlan& plan() const noexcept { return *plan_; }
  const Signature& signature() const noexcept { return *signature_; }

  /// The model of each step that names one, from `make`; others keep theirs.  `make` gets the entry in the plan's
  /// `lms`, or the name itself, and is called once for each.
  void set_lms(const std::function<std::shared_ptr<LM>(const std::string& model)>& make);

  template <class F>
  void for_each_predictor(F&& visit) {
    for (auto& part : parts_) visit(part.path, part.predictor);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    for (const auto& part : parts_) visit(part.path, part.predictor);
  }

 private:
  struct Part {
    std::string path;
    Predictor predictor;
    std::size_t depth = 0;  ///< It waits for parts of smaller depth only.
  };

  std::shared_ptr<const FlowPlan> plan_;
  std::shared_ptr<const Signature> signature_;
  std::vector<Part> parts_;  ///< One for each step.
};

/// The contents of a file.
struct LoadedFlow {
  Flow flow;
  ProgramFile file = {};  ///< Of a saved program: its scores, its optimizer and the like.
};

/// True for the text of a flow: TOML, JSON with `steps`, or a program file that has one.
bool is_flow(std::string_view text);

/// Loads a plan as people write it, in TOML or JSON, or a program that `save_flow` wrote, with its demonstrations and
/// instructions.  No model is loaded.  Throws `Error` (`io_error`, `config_error`).
LoadedFlow load_flow(const std::filesystem::path& path, const LoadOptions& options = {});

/// Saves the plan and the state of its predictors in one program file (docs/formats/program.md), which Python DSPy's
/// `load` reads into a program of the same predictors.
void save_flow(const Flow& flow, const std::filesystem::path& path, ProgramFile known = {});

/// The plan of a program written in C++, found by running it once with distinguishable marker values that pass through
/// its steps unchanged.  Throws `Error` (`unsupported`) that names what no plan can express: a value that the program's
/// own code makes, a step that is called twice or not at all, or a value such as a bool that cannot be distinguished
/// from another.  Demonstrations and instructions come along; validators do not.
Flow flow_of(const Program& program, const std::vector<Field>& inputs);

}  // namespace dspy
