#pragma once

#include <cmath>
#include <vector>

namespace dspy {

/// The vector at length 1; it has a length.
inline void to_unit_length(std::vector<float>& vector) {
  double square = 0;
  for (const float x : vector) square += double{x} * double{x};
  const double length = std::sqrt(square);
  if (length == 0) return;
  for (float& x : vector) x = static_cast<float>(double{x} / length);
}

}  // namespace dspy
