#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// `{…,"sum":"…"}` and a line end: a record of a journal.  `sum` is `hash_bytes` of the text before it, as 16 digits,
/// so that an accidentally truncated or changed line is detected.  `record` has at least one member.
std::string checked_line(const JsonObject& record);

/// Makes a checked line of the JSON text that begins at `begin` and lacks only its closing brace: for records that are
/// written as text at once.
void close_checked_line(std::string& text, std::size_t begin);

/// The record of a line (without its end), less its `sum`; nothing for a line that is damaged or not whole.
std::optional<JsonObject> read_checked_line(std::string_view line);

}  // namespace dspy
