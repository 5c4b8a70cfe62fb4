#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"
#include "modules/answer_tree.hpp"
#include "modules/told_answers.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// Decides outputs of a reply by the probabilities of their answers.  Without I/O: it says which replies are needed to
/// know all probabilities, and receives them.
class DecisionMachine {
 public:
  /// `prediction` has the reply's values, as `exchange` read them, and is given the decisions; all references outlive
  /// the machine.
  DecisionMachine(const Signature& signature, const DecisionsSettings& settings, const Completion& reply,
                  const Exchange& exchange, Prediction& prediction, bool can_go_on);

  /// The beginnings of replies that the model has to continue, all at once; none when enough is known.
  std::vector<Prefill> branches();
  /// What it went on with.
  void accept(const Prefill& branch, const Completion& reply, const Exchange& exchange);
  /// Decides.
  void finish();

 private:
  struct Output;
  void settle(const Output& output, std::vector<double> probabilities);

  struct Output {
    const Field* field;
    const DecisionSettings* settings;
    DecisionSpace space;
    std::optional<AnswerTree> tree = {};
    bool is_told = false;   ///< The model says how likely its tokens are, and which of them are the output's.
    ToldAnswers told = {};  ///< By the tokens of a reply that does not say which.
    std::size_t asked = 0;
  };

  Prediction& prediction_;
  bool can_go_on_;
  std::vector<Output> outputs_;
  std::vector<std::size_t> asked_;  ///< The output that each of the last branches is of.
  std::size_t accepted_ = 0;
  std::string reasoning_;
};

}  // namespace dspy
