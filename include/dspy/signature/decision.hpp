#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Outputs that are decided by probabilities: yes or no, one of several choices, a level on a scale.  How probabilities
// become a value is DSPy 3.4's; where they come from is the caller's business (modules/decide.hpp).

namespace dspy {

/// What can be decided, and how its answers are called.
struct DecisionSpace {
  enum class Kind {
    yes_no,  ///< `bool`: DSPy's `Noul`.
    choice,  ///< A literal or an enumeration: DSPy's `Choice`.
    score,   ///< Levels from low to high: DSPy's `Score`; its value is their mean.
  };

  Kind kind = Kind::choice;
  std::vector<Json> values = {};         ///< `true` and `false`; the choices; the levels.
  std::vector<std::string> labels = {};  ///< As their probabilities are called, one for each.

  bool operator==(const DecisionSpace&) const = default;
};

std::string_view to_string(DecisionSpace::Kind kind) noexcept;

/// How an output is decided: what Python DSPy keeps in a predictor's `fields`.  What is empty has its default.
struct DecisionSettings {
  /// Of yes or no: yes from this probability on.  0.5.
  std::optional<double> threshold = {};
  /// Of choices: what their probabilities are multiplied by, by label.  1.
  std::map<std::string, double> weights = {};
  /// Of a scale: the means at which a higher level begins, one fewer than levels.  Half between the levels.
  std::vector<double> cuts = {};
  /// The prior probability of each answer, by label; probabilities are divided by it and normalised again (Zhao et al.
  /// 2021).  Empty: they are not changed.  Not part of DSPy.
  std::map<std::string, double> prior = {};
  /// The output is a scale although its type could be a choice.
  bool is_scale = false;
  JsonObject kept = {};  ///< DSPy's `instructions` and `criteria`, and other members.

  bool operator==(const DecisionSettings&) const = default;
};

/// By output.
using DecisionsSettings = std::map<std::string, DecisionSettings, std::less<>>;

/// What can be decided of `field`.  A whole number from a least to a greatest value (up to 100 of them) is a choice
/// too, or a scale.  Throws `Error` (`invalid_parameter`) that says why it cannot be.
DecisionSpace decision_space(const Field& field, bool is_scale = false);

/// Throws `Error` (`invalid_parameter`) that names the problem: a threshold outside 0 to 1, weights that are negative,
/// all 0 or for unknown labels, cuts that are not increasing or outside the scale.
void validate(const DecisionSettings& settings, const DecisionSpace& space);

/// Where probabilities come from.
enum class DecisionMethod {
  measured,           ///< The model's own, of each answer, by its tokens.
  log_probabilities,  ///< Those that a provider reports of the reply's tokens and of the likeliest others.
  written,            ///< The model wrote them down.
  given,              ///< The caller gave them.
  none,               ///< There are none: the value is what the model wrote.
};

std::string_view to_string(DecisionMethod method) noexcept;

/// An output that was decided.
struct Decision {
  Json value = {};  ///< `true`, `false`, a choice, or of a scale the mean level.
  /// Of each answer in the order in which they are declared; before prior, weights and threshold.
  std::vector<std::pair<std::string, double>> probabilities = {};
  /// How far from the other answer it is, from 0 to 1; unknown without probabilities.
  std::optional<double> confidence = {};
  std::optional<std::size_t> level = {};  ///< Of a scale.
  DecisionMethod method = DecisionMethod::none;

  /// Of an answer, by label.
  std::optional<double> probability(std::string_view label) const;

  bool operator==(const Decision&) const = default;
};

/// Decides by `probabilities`, one for each answer in order.  `confidence` is that of who gave them, if they did.
/// Throws `Error` (`bad_input`) for another number of them, one that is negative or no number, or a sum of 0.
Decision decide(const DecisionSpace& space, const DecisionSettings& settings, std::vector<double> probabilities,
                std::optional<double> confidence = {});

/// What was decided of the output `field`: by the probabilities that the prediction has of its answers
/// (`Prediction::probabilities`, by `output.answer`), or without any as the value it has.  Throws `Error` (`bad_input`)
/// if the prediction has no such output, or not all probabilities.
Decision decision_of(const Prediction& prediction, const Field& field, const DecisionSettings& settings = {});

/// `{"value", "probabilities"?, "confidence"?, "level"?, "method"}`.
JsonObject to_json(const Decision& decision);

/// DSPy's form: `{"threshold" | "weights" | "cuts", …}`, without `prior` and `is_scale`, which DSPy does not know.
JsonObject to_json(const DecisionSettings& settings);
/// Throws `Error` (`config_error`) that names a member of the wrong kind.
DecisionSettings decision_settings_from_json(const JsonObject& written);

}  // namespace dspy
