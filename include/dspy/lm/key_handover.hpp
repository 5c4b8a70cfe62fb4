#pragma once

#include "dspy/base/secret.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// Keeps `key` for the one who makes an LM from a URI with `api_key_ref` = the text that is returned, so that no key is
/// ever in a URI.  The text cannot be guessed, holds in this process only, and once.  Thread-safe.
std::string hand_over_key(Secret key);

/// The key of `reference`, which is then forgotten.  Throws `Error` (`config_error`) if there is none.
Secret take_over_key(std::string_view reference);

}  // namespace dspy
