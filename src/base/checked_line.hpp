#pragma once

#include "dspy/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// `{…,"sum":"…"}` and a line end: a record of a journal.  `sum` is `hash_bytes` of what stands before it, as 16
/// digits, so that a line cut or changed by accident is noticed.  `record` has at least one member.
std::string checked_line(const JsonObject& record);

/// The record of a line (without its end), less its `sum`; nothing for a line that is damaged or not whole.
std::optional<JsonObject> read_checked_line(std::string_view line);

}  // namespace dspy
