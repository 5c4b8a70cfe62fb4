#pragma once

#include "dspy/modules/module.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/decision.hpp"

#include <optional>
#include <string>
#include <utility>

namespace dspy {

struct CascadeOptions {
  std::string output = {};  ///< The decision that must be sure; empty: the only one that the first program makes.
  double least = 0.8;       ///< The least `Decision::confidence` at which its answer stands, from 0 to 1.
};

/// Answers by one program where its decision is sure, and where it is not by another, such as one with a larger model;
/// without another it abstains: the output is null.  What happened is a flag of the output, `routed` or `abstained`.  A
/// decision without probabilities is not sure.  Nothing of the first program's answer is streamed.
///
///     dspy::Program sort = dspy::Cascade(small, large, {.output = "priority", .least = 0.9});
class Cascade : public Module<Cascade, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for a `least` outside 0 to 1, or if no predictor of `first` decides the
  /// output (`PredictorOptions::decisions`).
  explicit Cascade(Program first, CascadeOptions options = {})
      : Cascade(std::move(first), std::nullopt, std::move(options)) {}
  Cascade(Program first, std::optional<Program> second, CascadeOptions options = {});

  Async<Prediction> run(JsonObject inputs, Run how) const;

  template <class Self, class F>
  void for_each_predictor(this Self& self, F&& visit) {
    self.first_.for_each_predictor([&](const std::string& path, auto& each) { visit("first." + path, each); });
    if (self.second_)
      self.second_->for_each_predictor([&](const std::string& path, auto& each) { visit("second." + path, each); });
  }

 private:
  std::optional<double> confidence(const Prediction& prediction) const;

  Program first_;
  std::optional<Program> second_;
  CascadeOptions options_;
};

}  // namespace dspy
