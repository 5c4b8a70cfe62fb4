#pragma once

#include "llama/kernels/choice.hpp"
#include "plain_weights.hpp"

#include <ggml.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>

namespace dspy::llama::plugin {

/// Who computes the products of a model on a processor, and from which weights.  Of one model, for all its contexts;
/// thread-safe.
class Products {
 public:
  /// Times what the model's products take with each kernel that there is, unless the file `cache` knows it for this
  /// machine.  Without one nothing is timed and all are ours, so that two runs of a program compute the same; nor is it
  /// for small models, which have been run before it would have paid.  The environment variable DSPY_WEIGHTS
  /// (`plain`, `repacked` or `both`) says how weights are to lie, whatever was measured.
  static std::shared_ptr<const Products> of(const std::string& path, const std::filesystem::path& cache);

  /// Whether the library is to rearrange weights while loading.
  bool repacks() const { return choice_.layout != kernels::Layout::plain; }
  bool are_ours(ggml_type type, int columns) const;
  /// Weights as they lie in the file, for a tensor whose own were rearranged; null if there are none.
  const std::byte* plain(const ggml_tensor& weights) const { return plain_ ? plain_->find(weights) : nullptr; }

 private:
  kernels::Choice choice_;
  std::unordered_map<int, std::size_t> types_;  ///< Places in `choice_.types`; types that are not there are ours.
  std::unique_ptr<PlainWeights> plain_;
};

}  // namespace dspy::llama::plugin
