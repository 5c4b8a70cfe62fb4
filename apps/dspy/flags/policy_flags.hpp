#pragma once

#include "dspy/modules/predictor.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace dspy::app {

/// Flags that say what is done about a reply that cannot be read, or breaks a limit: the members of `CallPolicy`.
struct PolicyFlags {
  int rewrite = CallPolicy().rewrite;
  int ask_again = CallPolicy().ask_again;
  std::string fallback;  ///< An adapter's name; empty where none may be tried.
  std::string finally = "fail";

  void add_to(CLI::App& command);
  CallPolicy make() const;
};

}  // namespace dspy::app
