#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/config/config.hpp"

#include <string_view>

namespace dspy {

/// The key that `source` of the LM `name` leads to: a variable's value, a file's text, or what a command prints, each
/// without white space at its ends.  Throws `Error` (`authentication_failed`) if there is none, and `config_error` for
/// a command that may not be run; the content of the file or the output is never in a message.
Secret key_from(const KeySource& source, std::string_view name, bool may_run_commands);

}  // namespace dspy
