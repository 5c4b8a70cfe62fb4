#pragma once

#include "dspy/llama/hardware.hpp"
#include "llama/model/runtime.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dspy::llama {

/// Which of the library's devices to use, before anything is loaded.  A card that two backends see is listed once.
Hardware choose(std::span<const RuntimeDevice> devices, const HostFacts& host);

/// Where a model's layers go.
struct Placement {
  std::vector<std::size_t> devices{};  ///< Indices into the runtime's list; empty is the CPU.
  int gpu_layers = 0;
  std::string words{};
};

/// `wanted` as in `ModelOptions::gpu_layers`, `names` as in `ModelOptions::devices`.  Throws `Error`
/// (`invalid_parameter`) for a name that no graphics card has.
Placement place(std::span<const RuntimeDevice> devices, std::uint64_t weight_bytes, int layers, int wanted,
                std::span<const std::string> names = {});

/// Threads for a model of this size where none are asked for.
int threads_for(std::uint64_t weight_bytes);

}  // namespace dspy::llama
