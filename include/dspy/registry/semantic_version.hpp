#pragma once

#include "dspy/programs/program_file.hpp"
#include "dspy/signature/field.hpp"

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// `major.minor.patch`, by what a change means to callers.
struct SemanticVersion {
  int major = 1;  ///< An input or output is gone, renamed, of another type, or an input is newly required.
  int minor = 0;  ///< A new output, or an input that may be left out.
  int patch = 0;  ///< Other prompts, the same inputs and outputs.

  auto operator<=>(const SemanticVersion&) const = default;
};

std::string to_string(const SemanticVersion& version);
/// Throws `Error` (`bad_input`) for anything but three numbers.
SemanticVersion parse_version(std::string_view text);

/// What a program takes and gives.
struct ProgramInterface {
  std::vector<Field> inputs = {};
  std::vector<Field> outputs = {};
};

/// Of a program in a file, from its predictors: inputs that no other predictor gives, and the outputs of the last one.
/// Throws `Error` (`config_error`) for a file of Python, which does not name its fields.
ProgramInterface interface_of(const ProgramFile& program);

/// How inputs and outputs changed, a sentence each; empty if they did not.
std::vector<std::string> interface_changes(const ProgramInterface& before, const ProgramInterface& after);

/// The version after `before` for a program whose interface became `after`.
SemanticVersion next_version(const SemanticVersion& before, const ProgramInterface& old, const ProgramInterface& after);

}  // namespace dspy
