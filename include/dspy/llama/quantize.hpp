#pragma once

#include "dspy/llama/hardware.hpp"
#include "dspy/llama/model_info.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dspy::llama {

struct QuantizeOptions {
  std::string type = "q8_0";  ///< One of `quantizations()`.
  int threads = 0;            ///< 0: as many as the process has cores.
  Runtime* runtime = nullptr;
};

/// The formats that the installed libllama can write, such as `q4_k_m`.  Throws `Error` (`backend_error`).
std::vector<std::string> quantizations(Runtime* runtime = nullptr);

/// Writes the model in `from` to `to` with weights of another type: smaller, and faster or slower as
/// `quantization_advice` says.  `to` is written whole or not at all.  Best made from f16 or f32 weights: what is
/// quantized already loses twice.  Throws `Error`: `model_not_found`, `model_load_error` (no model, or libllama cannot
/// convert it), `invalid_parameter` (no such type, or `to` is `from`), `io_error`, `backend_error`.
void quantize(const std::filesystem::path& from, const std::filesystem::path& to, const QuantizeOptions& options = {});

/// What a model's tensors, not its label, mean for speed.
struct QuantizationAdvice {
  double fast_part = 1;  ///< Of the weights' bytes, 0 to 1: in types for which the processor has matrix instructions.
  std::string better{};  ///< The type to quantize to; empty where nothing is to be gained.
  std::string words{};   ///< In a sentence or two.
};

/// Which quantization the processor runs fast, by its instructions (AMX, AVX-512 VNNI); a graphics card runs all types
/// alike.
QuantizationAdvice quantization_advice(const ModelInfo& model, const Hardware& hardware);

}  // namespace dspy::llama
