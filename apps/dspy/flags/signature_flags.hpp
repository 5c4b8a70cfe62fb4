#pragma once

#include "dspy/signature/signature.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace dspy::app {

/// Flags that say what is asked, and how the prompt is written.
struct SignatureFlags {
  std::string notation = "question -> answer";
  std::string instructions;
  std::string adapter = "field";
  bool chain_of_thought = false;

  void add_to(CLI::App& command);
  Signature make() const;
};

}  // namespace dspy::app
