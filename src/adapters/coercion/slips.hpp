#pragma once

#include <string_view>

namespace dspy {

/// True if `written` can only be a typo for `wanted`: two letters swapped so that consonants meet that never meet in an
/// English word (`urgnet`), or a consonant next to another one doubled or dropped (`fulness`).  Anything that may be
/// another word, such as `casual` for `causal`, is not a typo.  Digits and signs must be equal, and the typo must be in
/// a word of six letters or more.
bool is_slip_of(std::string_view wanted, std::string_view written);

}  // namespace dspy
