#pragma once

#include "dspy/lm/lm.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/optimize/kernel/search.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What optimizers share that have a model write.

namespace dspy::optimize {

/// A predictor that asks `lm`, or the student's model, or the default one.
Predictor writer(std::string_view notation, std::string_view instructions, const std::shared_ptr<LM>& lm,
                 const Program& student);

/// A model's instruction without quotes around it, and without a label that it repeats.
std::string clean_instruction(std::string_view written);

const Predictor& predictor_at(const Program& program, std::string_view path);
Program with_instructions(Program program, std::string_view path, const std::string& instructions);

/// A text output of a prediction; empty if it is not there.
std::string text_of(const Prediction& prediction, std::string_view output);

/// Values as a person would write them down: `name: value` a line.
std::string listed(const JsonObject& values);

}  // namespace dspy::optimize
