#pragma once

#include <string_view>

namespace dspy {

/// True if `written` can only be `wanted` with one slip of the fingers: two letters swapped, a consonant doubled or
/// one of two left out, or a vowel left out so that three consonants meet.  Digits and signs are equal, the slip is
/// within a word of six letters or more, and what was written is no word that we know to be another one.
bool is_slip_of(std::string_view wanted, std::string_view written);

}  // namespace dspy
