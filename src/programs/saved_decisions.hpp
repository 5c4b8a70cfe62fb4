#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/signature.hpp"

namespace dspy {

/// How the file has outputs decided: DSPy's member `fields`, and this library's `decisions`, which says what DSPy does
/// not know.  What is of outputs that this signature cannot decide is left out; it stays in the file.  Throws `Error`
/// (`config_error`) for settings that do not suit their output.
DecisionsSettings saved_decisions(const SavedPredictor& saved, const Signature& signature);

/// Puts both members into `saved`, over what it has.
void save_decisions(const DecisionsSettings& decisions, SavedPredictor& saved);

}  // namespace dspy
