#pragma once

#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace dspy {

/// A turn's value for a field.  Null means "no value" where that is allowed, otherwise a missing value.
const Json* value_of(const JsonObject& data, const Field& field);

/// How much of a signature a demonstration, or an earlier turn of a conversation, shows.
enum class Coverage {
  whole,    ///< Every required field.
  partial,  ///< Something of each side.
  nothing,  ///< No output, or none of the inputs: it is not an example of the task.
};

Coverage coverage_of(const JsonObject& data, const Signature& signature);

/// The input that holds the earlier turns of a conversation: the first of the type `History`; null if there is none.
const Field* conversation_input(const Signature& signature) noexcept;

/// A question without the turns before it.
struct Asked {
  std::vector<JsonObject> turns = {};  ///< Oldest first.
  JsonObject inputs = {};
};

/// Takes the turns from where they are: `history`, or the input `conversation`.  Throws `Error` (`bad_input`) if there
/// are some in both.
Asked take_turns(const JsonObject& inputs, const Field& conversation, std::span<const Example> history);

/// The same, where the signature may have no such input, without the turns that show no input or no output: the log
/// names those.
Asked take_shown_turns(const JsonObject& inputs, const Signature& signature, std::span<const Example> history);

/// A demonstration that is shown.
struct Demo {
  const JsonObject* data = nullptr;
  Coverage coverage = Coverage::whole;
};

/// The demonstrations in the order in which prompts show them: incomplete ones first, so that complete ones are closer
/// to the question.  Those that show nothing are skipped, with a log message.
std::vector<Demo> arrange_demos(std::span<const Example> demos, const Signature& signature);

/// A guess that is seldom too small, so that a turn is one allocation.
std::size_t likely_size(const JsonObject& data, const std::vector<Field>& fields);

}  // namespace dspy
