#pragma once

#include <string_view>

namespace dspy {

/// True if `written` can only be `wanted` with one slip of the fingers: two letters swapped so that consonants meet
/// that meet in no English word (`urgnet`), or a consonant beside another one doubled or one of two left out
/// (`fulness`). What may be another word, as `casual` is for `causal`, is none.  Digits and signs are equal, and the
/// slip is within a word of six letters or more.
bool is_slip_of(std::string_view wanted, std::string_view written);

}  // namespace dspy
