#pragma once

#include "dspy/optimize/kernel/tpe.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"

#include <cstddef>
#include <vector>

namespace dspy {

/// The settings of a space by their places in it: a number for each dimension.  Refers to the space.
class RagGrid {
 public:
  /// Throws `Error` (`invalid_parameter`) if a dimension has no choice.
  explicit RagGrid(const RagSpace& space);

  std::vector<std::size_t> sizes() const;
  std::vector<optimize::TpeSampler::Dimension> dimensions() const;
  RagSetting at(const std::vector<std::size_t>& point) const;
  /// The places of all settings that differ.
  std::vector<std::vector<std::size_t>> grid() const;

 private:
  const RagSpace& space_;
};

}  // namespace dspy
