#pragma once

#include "command.hpp"
#include "dspy/signature/json_schema.hpp"

#include <optional>
#include <string>

namespace dspy::app {

/// What a command looks at: one of the members is set.
struct Subject {
  std::optional<Signature> signature = {};  ///< `question -> answer`, a predictor of a saved program, or a flow.
  std::optional<ProgramFile> program = {};  ///< Also where `signature` came from.
  std::optional<ImportedType> schema = {};  ///< A JSON Schema.
};

/// Reads a notation with `->`, or a file with a signature, a program or a JSON Schema.  Of a
/// program, `flags` choose the predictor; without a choice `signature` stays unset if there are several.
Subject read_subject(const std::string& target, const ProgramFlags& flags);

}  // namespace dspy::app
