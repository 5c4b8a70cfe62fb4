#pragma once

#include "llama/kernels/product.hpp"

#include <ggml-backend.h>
#include <ggml.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dspy::llama::plugin {

/// The kernels' name for a type of the library; none for one they do not read.
std::optional<kernels::WeightType> weight_type(ggml_type type);

/// Who may compute a product.
enum class Maker : std::uint8_t {
  own,       ///< Our kernels.
  plain,     ///< The library, from weights as they lie in a file.
  repacked,  ///< The library, from weights that it rearranged when it loaded them.
};

/// The layouts that the library would rearrange weights into, the one it prefers first.
std::vector<ggml_backend_buffer_type_t> extra_layouts();

/// Times products of random weights of one type and length, on one thread of the processor: where memory holds several
/// up, kernels differ less.
class Trial {
 public:
  Trial(ggml_type type, std::int64_t length);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /// Whether there is a layout of its own for such weights.
  bool can_repack() const { return layout_ != nullptr; }
  /// Seconds of processor time for `rows` rows and `columns` columns: the least of several, as others can only add to
  /// it; of two, where they took more than twice what is to be `beaten`.
  double seconds(Maker maker, std::int64_t rows, std::int64_t columns, double beaten = INFINITY);
  /// Whether other programs had the processor for much of the time, so that what was measured should not be kept.
  bool was_disturbed() const { return whole_time_ > 1.5 * processor_time_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  ggml_backend_buffer_type_t layout_ = nullptr;
  double processor_time_ = 0;
  double whole_time_ = 0;
};

}  // namespace dspy::llama::plugin
