#pragma once

#include "dspy/base/error.hpp"
#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Why the inputs of a call were refused, in the parts of one sentence.
class InputProblems {
 public:
  /// Goes through all inputs, which may be changed.
  InputProblems(const Signature& signature, JsonObject& inputs);

  /// `Errc::bad_input` that names every input at fault.
  Error error() &&;

 private:
  void check(const Field& field, Json* value);
  void add_unknown(std::string_view key);
  std::string inputs_notation() const;

  const Signature& signature_;
  ErrorInfo info_;
  std::vector<std::string> invalid_;
  std::vector<std::string> unknown_;
};

}  // namespace dspy
