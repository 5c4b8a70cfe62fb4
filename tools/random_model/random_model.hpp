#pragma once

#include <filesystem>
#include <string>

namespace dspy::tools {

/// What is written, and where to.
struct RandomModelPlan {
  std::string shape{};  ///< `135m` (SmolLM2), `0.5b` or `1.5b` (Qwen2.5).
  std::string type{};   ///< `f32`, `f16`, `q8_0`, or what the installed libllama quantises to, such as `q4_k_m`.
  std::filesystem::path path{};
};

/// Writes a model of random weights in a real model's shape, which computes at the real one's speed and writes
/// nonsense.  Throws `Error`: `invalid_parameter` (an unknown shape or type), `io_error`, `backend_error`.
void write_random_model(const RandomModelPlan& plan);

}  // namespace dspy::tools
