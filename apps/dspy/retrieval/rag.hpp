#pragma once

#include "command.hpp"

#include <cstddef>
#include <string>

namespace dspy::app {

/// `rag eval` and `rag tune`.
void add_rag(CLI::App& app, Plan& plan);

/// Flags of `ask` that have it answer from an index.
struct AskIndexFlags {
  std::string store;
  std::string embedder;
  std::string reranker;
  std::size_t k = 5;
  bool hybrid = false;

  void add_to(CLI::App& command);
};

/// Answers from the passages of an index, and says which lines say so.
int ask_index(const AskIndexFlags& flags, const std::string& question, const PredictorOptions& options, bool json);

}  // namespace dspy::app
