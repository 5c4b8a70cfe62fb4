#pragma once

#include <ggml.h>

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

namespace dspy::llama::plugin {

/// The weights of a model's file as they lie in it, mapped into memory, for kernels of ours where the library has
/// rearranged its own copy.
class PlainWeights {
 public:
  /// None where the file cannot be mapped, or is one of several.
  static std::unique_ptr<PlainWeights> of(const std::string& path);
  ~PlainWeights();
  PlainWeights(const PlainWeights&) = delete;
  PlainWeights& operator=(const PlainWeights&) = delete;

  /// Those of a tensor of the model; null where the file has none of this name, type and shape.
  const std::byte* find(const ggml_tensor& tensor) const;

 private:
  struct Entry {
    ggml_type type = GGML_TYPE_COUNT;
    std::int64_t lengths[GGML_MAX_DIMS] = {};
    std::size_t place = 0;
  };

  PlainWeights() = default;

  void* start_ = nullptr;
  std::size_t size_ = 0;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace dspy::llama::plugin
