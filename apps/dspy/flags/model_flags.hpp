#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/lm/request.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace dspy::app {

/// Flags that say which model is used, and how it samples.
struct ModelFlags {
  std::string model;
  Sampling sampling;

  void add_to(CLI::App& command);
  /// The LM: `--model`, else `$DSPY_MODEL`, else the embedded model.
  std::shared_ptr<LM> make() const;
};

/// A bare path or name becomes `llama:PATH`; a URI and the name of a provider's model stay as they are.
std::string model_uri(const std::string& model);
/// The LM of that name in dspy.toml, else the one that `model_uri` names.  Without a name: dspy.toml's default, else
/// the embedded model.
std::shared_ptr<LM> make_lm(std::string name);
/// The embedded model's file, wherever this program was installed or built; empty if it is not there.
std::string embedded_model();

}  // namespace dspy::app
