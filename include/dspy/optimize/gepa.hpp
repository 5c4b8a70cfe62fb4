#pragma once

#include "dspy/evaluate/metric.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/optimizer.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// What one predictor did on one example, and what the metric said of it.
struct ReflectiveExample {
  JsonObject inputs = {};
  JsonObject outputs = {};  ///< Empty where the reply could not be read: `reply` has it.
  std::string reply = {};
  std::string feedback = {};
  std::size_t example = 0;  ///< Which of the training examples.
};

/// What a new instruction is to be made of.
struct Reflection {
  std::string predictor = {};  ///< Its path.
  std::string current_instruction = {};
  std::vector<ReflectiveExample> examples = {};
};

/// Writes a better instruction; an empty one is not a proposal.
using ProposeInstruction = std::function<std::string(const Reflection& reflection)>;

/// Additional instructions for the reflecting model.
struct InstructionProposerOptions {
  std::vector<std::string> skills = {};      ///< Texts that say how to write such instructions.
  std::string additional_instructions = {};  ///< What is wanted of them.
  std::optional<std::size_t> max_chars =
      {};  ///< A longer instruction is sent back once, and dropped if it stays longer.
};

struct GepaOptions {
  Metric metric;  ///< Its feedback, of the whole program or of a predictor, is what the model learns from.
  std::optional<Effort> effort = {};                 ///< DSPy's `auto`.  Exactly one of these three is set.
  std::optional<std::size_t> max_full_evals = {};    ///< Times training and validation set.
  std::optional<std::size_t> max_metric_calls = {};  ///< Examples run.  Never exceeded.
  std::size_t reflection_minibatch_size = 3;
  /// Programs that are changed at a time: their runs and the questions for instructions are made together, which takes
  /// less time, and learns from what has been found a little later.  DSPy changes one.
  std::size_t num_parallel_proposals = 1;
  enum class Selection { pareto, current_best };
  Selection candidate_selection = Selection::pareto;  ///< Which program is changed next.
  /// What a program must be the best at to be changed or merged: an example, one of the metric's aims
  /// (`Score::objectives`) on average, one of both, or an aim on an example.
  enum class Frontier { instance, objective, hybrid, cartesian };
  Frontier frontier = Frontier::instance;
  std::shared_ptr<LM> reflection_lm = {};  ///< Writes the instructions; else the program's own.
  InstructionProposerOptions proposer = {};
  ProposeInstruction instruction_proposer = {};  ///< Instead of asking a model.
  bool skip_perfect_score = true;                ///< Examples that all go well teach nothing.
  double perfect_score = 1;
  bool add_format_failure_as_feedback = false;  ///< Replies that could not be read are shown too.
  enum class Components { round_robin, all };
  Components component_selector = Components::round_robin;  ///< Which predictors are changed at a time.
  bool use_merge = true;  ///< Descendants that are good at different examples are joined.
  std::size_t max_merge_invocations = 5;
  std::uint64_t seed = 0;
};

/// Evolves instructions by reflection (Agrawal et al. 2025): a program that is the best on some validation example is
/// run on a few training examples, a model reads what happened and what the metric said, and writes a better
/// instruction; a program that does better on the same examples is measured in full.
class Gepa {
 public:
  /// Throws `Error` (`invalid_parameter`) unless exactly one budget is set.
  explicit Gepa(GepaOptions options);
  /// Without a validation set, the training set is one.
  Optimized compile(const Program& student, const Training& training) const;

  /// What an effort amounts to, in examples run.
  static std::size_t budget(Effort effort, std::size_t predictors, std::size_t validation_examples);

 private:
  GepaOptions options_;
};

}  // namespace dspy
