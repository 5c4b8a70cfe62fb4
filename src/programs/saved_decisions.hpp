#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/signature.hpp"

namespace dspy {

/// The file's settings for decided outputs: DSPy's member `fields`, and this library's `decisions` for what DSPy has no
/// place for.  Outputs that this signature cannot decide are left out; they stay in the file.  Throws `Error`
/// (`config_error`) for settings that do not suit their output.
DecisionsSettings saved_decisions(const SavedPredictor& saved, const Signature& signature);

/// Puts both members into `saved`, over what it has.
void save_decisions(const DecisionsSettings& decisions, SavedPredictor& saved);

}  // namespace dspy
