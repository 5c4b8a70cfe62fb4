#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A program as data: what its steps are, and which values go where.  docs/formats/flow.md describes its files.

namespace dspy {

/// Where a step's input, or an output of the whole, comes from.
struct FlowSource {
  std::string step = {};  ///< Empty: the program's own input.
  std::string field = {};

  bool operator==(const FlowSource&) const = default;
};

/// `question`, or `query.search_query`.
std::string to_string(const FlowSource& source);

/// One module of the program.
struct FlowStep {
  enum class Module { predict, chain_of_thought };

  std::string name = {};
  Module module = Module::predict;
  Signature signature = {};  ///< As declared: a chain of thought adds its `reasoning`.
  std::map<std::string, FlowSource, std::less<>> inputs = {};  ///< Optional ones may be missing.
  std::string lm = {};       ///< A name in `FlowPlan::lms`, or what `dspy::lm` takes; empty: the program's.
  std::string adapter = {};  ///< By name; empty: the program's.
  Sampling sampling = {};    ///< What is set goes before the LM's own.
  std::size_t samples = 1;   ///< More than one: runs drawn, of which the majority's answer is taken.
  std::string vote_on = {};  ///< The output that is voted on; empty: the last one.

  /// The signature with what the module adds.
  Signature asked() const;
  bool operator==(const FlowStep&) const = default;
};

/// `Predict` or `ChainOfThought`.
std::string_view to_string(FlowStep::Module module) noexcept;

/// A whole program.
struct FlowPlan {
  std::string name = {};
  std::string description = {};
  std::vector<Field> inputs = {};
  std::map<std::string, std::string, std::less<>> lms = {};  ///< What `dspy::lm` takes, by the steps' names for it.
  std::vector<FlowStep> steps = {};                          ///< In an order in which they could run.
  std::vector<std::pair<std::string, FlowSource>> outputs = {};

  const FlowStep* find(std::string_view step) const noexcept;
  /// The program's inputs and outputs.  Its outputs have the types and descriptions of the steps' outputs that they
  /// come from.
  Signature signature() const;

  bool operator==(const FlowPlan&) const = default;
};

/// Throws `Error` (`config_error`) that begins with the place at fault, as a JSON pointer such as
/// `/steps/1/inputs/query`: a step without a name or with another's, a source that is not there or comes later, a value
/// of another type, an input without a source, an unknown adapter, no steps, no outputs.
void validate(const FlowPlan& plan);

/// As a file has it, with every source named.
JsonObject to_json(const FlowPlan& plan);

/// Reads what a file says; sources that it leaves out are those of the same name: an earlier step's output, the last
/// one first, or the program's input.  The result is valid.  Throws `Error` (`config_error`) like `validate`.
FlowPlan flow_plan_from_json(const JsonObject& written);

/// The same from a text in TOML or JSON (which begins with `{`).  Errors say where: `support.toml:7:3: …`.
FlowPlan parse_flow_plan(std::string_view text, std::string_view source = "flow");

}  // namespace dspy
