#pragma once

#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace dspy {

/// What a turn has for a field.  Null stands for "no value" where that is allowed, and for a
/// value that nobody gave elsewhere.
const Json* value_of(const JsonObject& data, const Field& field);

/// How much of a signature a demonstration, or an earlier turn of a conversation, shows.
enum class Coverage {
  whole,    ///< Every required field.
  partial,  ///< Something of each side.
  nothing,  ///< No output, or none of the inputs: it is no example of the task.
};

Coverage coverage_of(const JsonObject& data, const Signature& signature);

/// A demonstration that is shown.
struct Demo {
  const JsonObject* data = nullptr;
  Coverage coverage = Coverage::whole;
};

/// The demonstrations in the order in which prompts show them: partial ones first, so that whole
/// ones stand nearer to the question.  Those that show nothing are left out, and the log says so.
std::vector<Demo> arrange_demos(std::span<const Example> demos, const Signature& signature);

/// A guess that is seldom too small, so that a turn is one allocation.
std::size_t likely_size(const JsonObject& data, const std::vector<Field>& fields);

}  // namespace dspy
