#pragma once

#include "dspy/lm/completion.hpp"
#include "dspy/signature/decision.hpp"
#include "dspy/signature/field.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// How likely a model is to write each answer of one output, summed over all ways to write it in tokens.
///
/// A reply tells, at each of its tokens, how likely the others were that could have come: each is the beginning of a
/// branch.  Most branches can lead to one answer only, and are counted for it; from the others the model is to go on.
class AnswerTree {
 public:
  /// `field` and `space` outlive the tree.
  AnswerTree(const Field& field, const DecisionSpace& space)
      : field_(field), space_(space), sums_(space.values.size()) {}

  /// Takes the reply that continues `beginning` (empty: the first one), whose output was read as `value`; null: it
  /// could not be read.  False if the reply has no token probabilities.
  bool accept(std::string_view beginning, const Completion& reply, const Json* value);

  /// The likeliest branches that are open, at most `count`, as texts that a reply begins with; each is given once.
  std::vector<std::string> open(std::size_t count);

  /// What was found out; of sum 1 less `unmeasured`.
  const std::vector<double>& probabilities() const noexcept { return sums_; }
  double unmeasured() const noexcept;

 private:
  struct Branch {
    std::string text;
    double probability;
  };

  /// The only answer that a value beginning with `text` can be, if it is known.
  std::optional<std::size_t> only_answer(std::string_view text) const;
  void learn_spelling(std::string_view value_text, std::size_t answer);
  bool ends_early(std::string_view value_text) const;
  void add(std::string text, double probability, std::size_t value_at, bool is_end);

  const Field& field_;
  const DecisionSpace& space_;
  std::vector<double> sums_;
  std::vector<std::string> spellings_;  ///< How each answer's value begins, after what comes before it; empty: unknown.
  std::vector<Branch> open_;
  std::vector<Branch> asked_;
};

}  // namespace dspy
