#pragma once

#include "dspy/evaluate/calibration.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/decision.hpp"

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace dspy::app {

/// What `dspy decide` says of an input.
struct Said {
  Decision decision;
  bool is_routed = false;
  bool is_abstained = false;
};

Said said_of(const Prediction& prediction, const Field& field, const DecisionSettings& settings);
JsonObject to_json(const Said& said);
std::string decision_line(const Said& said);

using Asked = std::vector<std::expected<Prediction, Error>>;

struct AskerOptions {
  std::shared_ptr<LM> lm;
  std::shared_ptr<const Adapter> adapter;
  Sampling sampling = {};
  std::size_t jobs = 32;
  bool is_scale = false;
  bool is_written = false;  ///< The model writes the probabilities.
};

/// Asks one model for the decisions of many inputs.
class Asker {
 public:
  Asker(Signature signature, const Field& field, AskerOptions options);

  Asked ask(std::vector<JsonObject> inputs) const;
  std::vector<Evidence> evidence(const std::vector<Example>& labelled, const Field& field,
                                 const DecisionSpace& space) const;
  const Predictor& predictor() const noexcept { return predictor_; }

 private:
  Predictor predictor_;
  BatchOptions together_;
  bool is_written_;
};

}  // namespace dspy::app
