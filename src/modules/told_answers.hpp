#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/field.hpp"

#include <vector>

namespace dspy {

/// How likely a model was to write each answer, by the log-probabilities of a reply that was not constrained to the
/// answers, such as a provider's.
struct ToldAnswers {
  enum class Kind {
    none,     ///< The reply has no log-probabilities.
    partial,  ///< It has some, but not of the value's tokens, or they say too little of the other answers.
    enough,
  };
  Kind kind = Kind::none;
  std::vector<double> probabilities = {};  ///< Of the answers in order, of sum 1; other words are left out.
};

/// `value` is what `exchange` read from the reply for `field`.  Alternatives are taken token by token until one answer
/// is left.  Tokens that are not told, and beginnings of several answers, are what is unknown: up to a fiftieth.
ToldAnswers told_answers(const Field& field, const DecisionSpace& space, const Completion& reply,
                         const Exchange& exchange, const Json& value);

}  // namespace dspy
