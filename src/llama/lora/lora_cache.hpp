#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "llama/model/runtime.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama {

/// LoRA adapters as a request uses them: in a fixed order, without those that change nothing.
using LoraSet = std::vector<std::pair<std::shared_ptr<RuntimeLora>, float>>;

/// The LoRA adapters that were loaded for one model, which keeps them as long as itself.  Thread-safe.
class LoraCache {
 public:
  /// Loads those that are not loaded yet.  Throws `Error`: `model_not_found`; `model_load_error` for a file that is
  /// damaged or no LoRA adapter; `invalid_parameter` for one of another model, or a scale that is not a number.
  LoraSet load(const Model& model, std::span<const Lora> loras);

 private:
  std::shared_ptr<RuntimeLora> load(const Model& model, const std::filesystem::path& file);

  std::mutex mutex_;
  std::map<std::filesystem::path, std::shared_ptr<RuntimeLora>> loaded_;
};

}  // namespace dspy::llama
