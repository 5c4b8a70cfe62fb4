#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::optimize {

/// What a checkpoint's text holds.
struct JournalText {
  std::vector<JsonObject> records = {};   ///< Of its whole lines, without the line of the run.
  std::string good = {};                  ///< Those lines, the first one too, as they stand.
  std::vector<std::size_t> damaged = {};  ///< Numbers of the others, from 1; all are lost if the first is.
};

/// `name` is for messages.  Throws `Error` (`config_error`) for the text of another run, of a newer version, or of
/// something that is not a checkpoint.
JournalText read_journal(std::string_view text, const JsonObject& run, std::string_view name);

}  // namespace dspy::optimize
