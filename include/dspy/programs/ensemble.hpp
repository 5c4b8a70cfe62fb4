#pragma once

#include "dspy/modules/batch.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/programs/program.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <vector>

namespace dspy {

struct EnsembleOptions {
  /// Makes one answer of several; `majority`, unless said otherwise.
  std::function<Prediction(std::vector<Prediction> answers)> reduce = {};
  std::size_t size = 0;    ///< How many programs are asked in a call, drawn from all of them; 0: all.
  std::uint64_t seed = 0;  ///< Of what is drawn, together with the inputs: the same inputs ask the same programs.
};

/// Several programs as one: all (or some) are asked at once, and their answers made into one.  Those that fail have no
/// say; throws the first error if all have failed.
///
///     dspy::Program best = dspy::Ensemble({first, second, third});
class Ensemble : public Module<Ensemble, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for no programs, or a `size` above their number.
  explicit Ensemble(std::vector<Program> programs, EnsembleOptions options = {});

  Async<Prediction> run(JsonObject inputs, Run how) const;
  /// The answers before they are reduced, in the programs' order.
  Async<std::vector<std::expected<Prediction, Error>>> answers(JsonObject inputs, Run how) const;

  template <class F>
  void for_each_predictor(F&& visit) {
    dspy::for_each_predictor(programs_, visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    dspy::for_each_predictor(programs_, visit);
  }

 private:
  std::vector<Program> programs_;
  EnsembleOptions options_;
};

/// One call of many: of any program.
struct ProgramCall {
  Program program;
  JsonObject inputs = {};
};

/// DSPy's `Parallel`: makes all calls concurrently; the results are in the same order, and a failure does not affect
/// the others.  A call that was not started has failed with `cancelled`.
std::vector<std::expected<Prediction, Error>> parallel(std::vector<ProgramCall> calls,
                                                       const BatchOptions& options = {});
Async<std::vector<std::expected<Prediction, Error>>> aparallel(std::vector<ProgramCall> calls,
                                                               BatchOptions options = {});

}  // namespace dspy
