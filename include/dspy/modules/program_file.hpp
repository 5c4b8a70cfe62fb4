#pragma once

#include "dspy/modules/predictor.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// A program of one predictor as it lies in a file: readable by Python DSPy's `load`, and, under
/// the key `dspy_cpp`, with the names and types that DSPy leaves out.  The format is described
/// in docs/formats/program.md.
struct ProgramFile {
  std::string module = "Predict";  ///< Or `ChainOfThought`.
  Signature signature = {};        ///< With the module's own fields, such as `reasoning`.
  std::vector<Example> demos = {};
  std::string adapter = {};  ///< Empty: the default.

  bool operator==(const ProgramFile&) const = default;
};

/// Reads a program.  `signature` serves files that Python DSPy wrote, which do not name their
/// fields; instructions and demonstrations always come from the file.  No code is ever run.
/// Throws `Error`: `io_error`, or `config_error` that names what is wrong in the file.
ProgramFile load_program(const std::filesystem::path& path, const std::optional<Signature>& signature = {});

/// Writes the file whole or not at all.  Throws `Error` (`io_error`).
void save_program(const std::filesystem::path& path, const ProgramFile& program);

/// What `program` says about `predictor`.
ProgramFile to_program_file(const Predictor& predictor, std::string module = "Predict");

/// A predictor that does what the file says, with `options.lm` or the default LM.
Predictor to_predictor(const ProgramFile& program, PredictorOptions options = {});

}  // namespace dspy
