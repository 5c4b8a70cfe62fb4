#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/evaluate/metric.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::optimize {

/// Which sample of a program's answer: number 0 is the unchanged program; others are sampled at their own temperature,
/// with the number as the seed.
struct Draw {
  std::uint64_t number = 0;
  double temperature = 1;

  bool operator==(const Draw&) const = default;
};

/// A call within a run that failed, with what the model wrote.
struct FailedStep {
  std::string path = {};
  JsonObject inputs = {};
  std::string raw = {};
  std::string reason = {};
};

/// The result of running a program on an example.
struct Rollout {
  Prediction prediction = {};          ///< Empty if the program failed.
  std::vector<TraceStep> steps = {};   ///< Its predictors' calls, oldest first, those before a failure too.
  std::optional<std::string> failure;  ///< Why the program itself failed; never because a server was unavailable.
  std::optional<FailedStep> failed = {};
  Usage usage = {};
  double seconds = 0;
};

JsonObject to_json(const Rollout& rollout);
/// Throws `Error` (`config_error`) for anything that `to_json` does not write.
Rollout rollout_from_json(const JsonObject& written);

/// SHA-256 of everything that optimizers change in a program and that affects its requests: instructions, fields,
/// demonstrations, sampling, decisions, policies, adapters and models by predictor.  Not of its code.
std::string digest(const Program& program);
/// Of an example's values and sides.
std::string digest(const Example& example);

/// How much the program says to models before the question, in bytes: instructions, descriptions and demonstrations.
std::size_t prompt_size(const Program& program);

/// `{path: {"instructions", "demos"}}`, for reports.
JsonObject prompts_of(const Program& program);

/// Sets the signature (instructions, labels, descriptions) and the demonstrations of each predictor of `to` to those of
/// the predictor of that path in `from`.  Throws `Error` (`config_error`) that names a path that only one of them has.
///
///     support = dspy::optimize::with_prompts_of(optimized.program, support);   // back into one's own struct
template <class P>
P with_prompts_of(const Program& from, P to) {
  std::vector<std::pair<std::string, Predictor*>> targets;
  dspy::for_each_predictor(
      to, [&](const std::string& path, Predictor& predictor) { targets.emplace_back(path, &predictor); });
  from.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    const auto at = std::ranges::find(targets, path, &std::pair<std::string, Predictor*>::first);
    if (at == targets.end())
      throw Error(Errc::config_error, "the program has no predictor `" + path + "`: it is another program");
    at->second->set_signature(predictor.signature());
    at->second->set_demos(predictor.demos());
    targets.erase(at);
  });
  if (!targets.empty())
    throw Error(Errc::config_error, "only one of the programs has the predictor `" + targets.front().first + "`");
  return to;
}

}  // namespace dspy::optimize
