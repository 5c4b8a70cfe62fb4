#pragma once

#include "dspy/modules/predictor.hpp"
#include "signature.hpp"

#include <chrono>
#include <optional>

namespace dspy::python {

/// `Predict` and `ChainOfThought` of Python.
struct PyPredictor {
  Predictor value;
  Held converters = {};              ///< See `PySignature`.
  bool is_chain_of_thought = false;  ///< Its `reasoning` was added, and its path ends with `predict`.
};

/// A call's inputs, and what of it is not an input: `lm`, `config`, `demos`.
struct PyCall {
  std::optional<Predictor> changed;  ///< What is asked instead, where the call says so.
  JsonObject inputs;
  CallOptions options;
};

/// While it lives, calls on this thread are part of a run with these options: a draw of `BestOfN`, or one that may be
/// stopped.
class PartOfRun {
 public:
  explicit PartOfRun(const CallOptions& options) noexcept;
  ~PartOfRun();
  PartOfRun(const PartOfRun&) = delete;
  PartOfRun& operator=(const PartOfRun&) = delete;

 private:
  const CallOptions* outer_;
};

/// What a call on this thread adds to its own options, which go first.
void join_run(CallOptions& options);

/// The deadline of a call's `timeout`.  Throws `Error` (`invalid_parameter`).
std::chrono::steady_clock::time_point deadline_in(double seconds);

PyCall to_call(const PyPredictor& self, const nb::kwargs& arguments);

/// The settings of a predictor from names and values: `lm`, `adapter`, `demos`, `temperature`, …
PredictorOptions to_predictor_options(const nb::kwargs& settings);

}  // namespace dspy::python
