#pragma once

#include <string_view>

namespace dspy {

/// True if a number of a JSON text would silently become another one as a float: an integer that no
/// float is exactly, a number with a fraction that reads as a whole one (or as 0), one beyond all
/// floats.  A fraction that is only rounded in its last digits is what floats are for.
bool is_misread_as_float(std::string_view number) noexcept;

}  // namespace dspy
