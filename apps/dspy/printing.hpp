#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <string>
#include <string_view>
#include <vector>

// Results as people read them.

namespace dspy::app {

/// With pictures in place of control characters where standard output is a terminal, which would obey them.
std::string for_terminal(std::string_view text);
void print_line(std::string_view text);
void print_json(const JsonObject& object);
/// A value as people read it: text as it is, anything else as JSON.
std::string shown(const Json& value);
/// The outputs as people read them: `Label: value` a line, or the value alone if there is one
/// output and it is to stand `bare`.  What was accepted although it broke a
/// rule is told on standard error.
void print_outputs(const Signature& signature, const Prediction& prediction, bool bare);
/// On standard error.
void tell_what_was_not_held(const std::vector<std::string>& unenforced);
void tell_what_was_accepted(const Prediction& prediction);

}  // namespace dspy::app
