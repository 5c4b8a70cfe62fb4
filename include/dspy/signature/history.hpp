#pragma once

#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"

#include <vector>

namespace dspy {

/// The turns of a conversation so far, shown to the model before the next question.
///
///     History history;
///     auto reply = chat({.question = "Who wrote Emma?"}, {.history = history});
///     history.append(chat.to_values({.question = "Who wrote Emma?"}), reply.prediction());
///
/// A value: two conversations that start alike are two copies.
struct History {
  std::vector<Example> turns;

  /// Appends a turn: the inputs and the outputs.
  void append(const JsonObject& inputs, const Prediction& prediction);
};

}  // namespace dspy
