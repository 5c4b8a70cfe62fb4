#pragma once

#include <string>
#include <string_view>

namespace dspy {

/// `text` without blanks at its ends, and with one space for each run of blanks: to compare passages that were laid out
/// differently.
std::string single_blanks(std::string_view text);

}  // namespace dspy
