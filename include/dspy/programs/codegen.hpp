#pragma once

#include "dspy/programs/program_file.hpp"
#include "dspy/signature/signature.hpp"

#include <string>

namespace dspy {

struct CodegenOptions {
  std::string name = "Program";  ///< Of the struct: a C++ identifier.
  std::string name_space = {};   ///< Such as `shop::support`; empty for none.
  std::string source = {};       ///< What the code is made from, for its first line.
};

// C++ headers for what was written down elsewhere.  Each throws `Error` (`config_error`) that
// names a field or predictor which C++ cannot say, and the remedy.

/// A typed signature: `struct Triage { struct Input …; struct Output …; }`, of which
/// `signature_of<Triage>()` equals `signature`.
std::string to_cpp(const Signature& signature, const CodegenOptions& options = {});

/// A program of typed modules into which the file loads, and the signatures of its predictors.
/// Of a file with one `Predict` or `ChainOfThought` alone, its signature.
std::string to_cpp(const ProgramFile& program, const CodegenOptions& options = {});

/// A plain struct that holds the values of an object type, for `to_values` and `from_values`.
std::string to_cpp(const Type& object, const CodegenOptions& options = {});

}  // namespace dspy
