#pragma once

#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {

namespace detail {

template <class T>
concept TellsPrediction = requires(const T& output) {
  { output.prediction() } -> std::convertible_to<const Prediction&>;
};

template <class In>
In program_input(JsonObject inputs) {
  if constexpr (std::same_as<In, JsonObject>) {
    return inputs;
  } else {
    static_assert(std::is_aggregate_v<In>,
                  "a program that is used as a Program takes a struct with a member for each input, or a JsonObject");
    return from_values<In>(inputs);
  }
}

template <class Out>
Prediction program_output(Out output) {
  if constexpr (std::same_as<Out, Prediction>) {
    return output;
  } else if constexpr (TellsPrediction<Out>) {
    return output.prediction();
  } else {
    static_assert(
        std::is_aggregate_v<Out>,
        "a program that is used as a Program returns a struct with a member for each output, or a Prediction");
    return {.data = to_values(output)};
  }
}

/// A program whose type is forgotten.
class AnyProgram {
 public:
  using Visit = std::function<void(const std::string& path, Predictor& predictor)>;

  virtual ~AnyProgram() = default;
  virtual std::shared_ptr<AnyProgram> clone() const = 0;
  virtual void visit(const Visit& visit) = 0;
  virtual Async<Prediction> run(JsonObject inputs, Run how) const = 0;
};

template <Runnable P>
class ProgramOf final : public AnyProgram {
 public:
  explicit ProgramOf(P program) : program_(std::move(program)) {}

  std::shared_ptr<AnyProgram> clone() const override { return std::make_shared<ProgramOf>(program_); }
  void visit(const Visit& visit) override {
    for_each_predictor(program_, [&](const std::string& path, Predictor& predictor) { visit(path, predictor); });
  }
  Async<Prediction> run(JsonObject inputs, Run how) const override {
    auto input = program_input<InputOf<P>>(std::move(inputs));
    co_return program_output(co_await program_.run(std::move(input), std::move(how)));
  }

 private:
  P program_;
};

}  // namespace detail

/// Any program, with its values by name: what evaluation, optimizers, the server and Python work on.  A value; a copy
/// is a copy of the program.  Calls may overlap from any thread.
///
///     dspy::Program program = rag;                       // a struct or a module with a `run`
///     Prediction out = program({{"question", "…"}});     // out.usage() is that of all its calls
class Program {
 public:
  template <Runnable P>
    requires(!std::same_as<P, Program>)
  Program(P program)  // NOLINT(google-explicit-constructor): a program is one
      : program_(std::make_shared<detail::ProgramOf<P>>(std::move(program))) {}

  Program(const Program& other) : program_(other.program_->clone()) {}
  Program(Program&&) noexcept = default;
  Program& operator=(const Program& other) {
    if (this != &other) program_ = other.program_->clone();
    return *this;
  }
  Program& operator=(Program&&) noexcept = default;
  ~Program() = default;

  /// The program outlives the call, as with any module.  Throws what its modules throw, and `Error` (`bad_input`) for
  /// inputs that are not its own, (`config_error`) if it has no predictors.
  Async<Prediction> run(JsonObject inputs, Run how) const;

  Prediction operator()(JsonObject inputs, CallOptions options = {}) const {
    return call(*this, std::move(inputs), std::move(options));
  }

  template <class F>
  void for_each_predictor(F&& visit) {
    program_->visit([&](const std::string& path, Predictor& predictor) { visit(path, predictor); });
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    program_->visit([&](const std::string& path, const Predictor& predictor) { visit(path, predictor); });
  }

 private:
  std::shared_ptr<detail::AnyProgram> program_;  ///< Nobody else's.
};

}  // namespace dspy
