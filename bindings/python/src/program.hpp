#pragma once

#include "dspy/programs/program.hpp"
#include "errors.hpp"
#include "values.hpp"

namespace dspy::python {

/// A program of Python: a module with a `forward`, whose predictors are found through `_parts()`.  A copy is a deep
/// copy; a move is not.
class LiveProgram {
 public:
  explicit LiveProgram(Held module) : module_(std::move(module)) {}
  LiveProgram(const LiveProgram& other);
  LiveProgram(LiveProgram&&) noexcept = default;
  LiveProgram& operator=(const LiveProgram& other);
  LiveProgram& operator=(LiveProgram&&) noexcept = default;
  ~LiveProgram() = default;

  Async<Prediction> run(JsonObject inputs, Run how) const {
    return run_module(module_, std::move(inputs), std::move(how));
  }

  template <class F>
  void for_each_predictor(F&& visit) const {
    visit_parts([&](const std::string& path, Predictor& predictor) { visit(path, predictor); });
  }

 private:
  static Async<Prediction> run_module(Held module, JsonObject inputs, Run how);
  void visit_parts(const std::function<void(const std::string&, Predictor&)>& visit) const;

  Held module_;
};

/// A program of ours, whole: what a file or an agent is.
struct PyProgram {
  Program value;
  Held converters = {};
};

/// A copy of a program of Python or of ours, for evaluation and optimizers.
Program to_program(nb::handle program);
/// The program itself, where calls must reach it.
Program to_live_program(nb::handle program);

}  // namespace dspy::python
