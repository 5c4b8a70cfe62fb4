#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/prediction.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy::bulk {

/// What became of a row.
struct RowOutcome {
  std::string key = {};
  Prediction prediction = {};  ///< If there is no error.
  std::optional<Error> error = {};
  Usage usage = {};
};

/// Asks about one row.  Throws nothing but `cancelled`.  What is handed over outlives it.
Async<RowOutcome> ask_row(const Program& program, std::string_view version, JsonObject values, CallOptions call);

/// `"key": …, "outputs": {…}, "usage": {…}` or `"key": …, "error": {…}`: the inside of a JSON object.
void append_outcome(std::string& out, const RowOutcome& outcome);

}  // namespace dspy::bulk
