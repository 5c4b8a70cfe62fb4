#pragma once

#include "dspy/base/secret.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// Stores `key` for the creation of an LM from a URI with `api_key_ref` set to the returned text, so that no key is
/// ever in a URI. The text cannot be guessed, is valid only in this process, and only once.  Thread-safe.
std::string hand_over_key(Secret key);

/// The key of `reference`, which is then forgotten.  Throws `Error` (`config_error`) if there is none.
Secret take_over_key(std::string_view reference);

}  // namespace dspy
