#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/lm.hpp"

#include <memory>

namespace dspy {

/// What predictors use that were not given their own.
struct Settings {
  std::shared_ptr<LM> lm = {};
  std::shared_ptr<const Adapter> adapter = {};  ///< `FieldAdapter` unless set.
};

/// Sets the process's defaults; a member left empty keeps its value.  Takes effect for calls
/// that begin afterwards.  Thread-safe.  To run one program differently, prefer a copy of it:
/// `with_lm(program, lm)`.
void configure(Settings settings);

/// The current defaults.  Thread-safe.
Settings settings();

}  // namespace dspy
