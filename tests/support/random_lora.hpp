#pragma once

#include "random_model.hpp"

#include <cstdint>
#include <string>

namespace dspy::test {

/// A LoRA adapter of random weights for a `RandomModel` of the same shape.
struct RandomLora {
  std::uint32_t layers = 2;
  std::uint32_t width = 64;
  std::uint32_t rank = 4;
  std::string architecture = "llama";
  std::uint64_t seed = 7;

  void write(const std::string& path) const {
    GgufWriter file;
    file.text("general.type", "adapter");
    file.text("general.architecture", architecture);
    file.text("adapter.type", "lora");
    file.number("adapter.lora.alpha", static_cast<float>(rank));
    const RandomModel fill{.seed = seed};
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      for (const char* part : {"attn_q", "attn_output"}) {
        const auto name = "blk." + std::to_string(layer) + "." + part + ".weight";
        fill.matrix(file, name + ".lora_a", width, rank, 0.5F);
        fill.matrix(file, name + ".lora_b", rank, width, 0.5F);
      }
    }
    file.write(path);
  }
};

}  // namespace dspy::test
