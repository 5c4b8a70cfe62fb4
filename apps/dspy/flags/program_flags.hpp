#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace dspy::app {

/// Flags that say which predictor of a program file is meant.
struct ProgramFlags {
  std::string path;
  std::string signature;
  std::string predictor;
  bool accept_changed = false;

  /// The options without `FILE`, which each command declares itself.
  void add_to(CLI::App& command);
  ProgramFile load() const;
  /// What a predictor had that is in no file, for people: "the validator `is_even` of `number`"; empty if nothing.
  static std::string functions_of(const SavedPredictor& saved);
  /// The predictor that is asked for, or the only one.
  const SavedPredictor& choose(const ProgramFile& file) const;
  Predictor make(const SavedPredictor& saved, PredictorOptions options) const;
};

}  // namespace dspy::app
