#pragma once

#include "random_model.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace dspy::test {

/// A model of random weights that looks back `window` tokens in most of its layers (Gemma 3's architecture).  Its heads
/// have 32 numbers, so that keys may have any format.
inline GgufWriter window_model(std::uint32_t window) {
  const RandomModel model{
      .layers = 7, .heads = 2, .context_length = 1024, .architecture = "gemma3", .name = "random window"};
  auto file = model.writer();
  file.whole("gemma3.attention.sliding_window", window);
  const auto head = model.width / model.heads;
  for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
    const auto block = "blk." + std::to_string(layer) + ".";
    RandomModel::values(file, block + "attn_q_norm.weight", head, 1);
    RandomModel::values(file, block + "attn_k_norm.weight", head, 1);
    RandomModel::values(file, block + "post_attention_norm.weight", model.width, 1);
    RandomModel::values(file, block + "post_ffw_norm.weight", model.width, 1);
  }
  return file;
}

/// A model of random weights that keeps a state instead of tokens (Mamba's architecture).
inline GgufWriter state_model() {
  const RandomModel model{.context_length = 1024, .architecture = "mamba", .name = "random state"};
  constexpr std::uint32_t inner = 128, state = 16, rank = 4, kernel = 4;
  GgufWriter file;
  file.text("general.architecture", "mamba");
  file.text("general.name", model.name);
  file.whole("mamba.block_count", model.layers);
  file.whole("mamba.context_length", model.context_length);
  file.whole("mamba.embedding_length", model.width);
  file.whole("mamba.feed_forward_length", 0);
  file.whole("mamba.attention.head_count", 0);
  file.number("mamba.attention.layer_norm_rms_epsilon", model.norm_epsilon);
  file.whole("mamba.ssm.conv_kernel", kernel);
  file.whole("mamba.ssm.inner_size", inner);
  file.whole("mamba.ssm.state_size", state);
  file.whole("mamba.ssm.time_step_rank", rank);
  model.add_tokenizer(file);
  const auto matrix = [&](const std::string& name, std::uint64_t in, std::uint64_t out) {
    model.matrix(file, name, in, out, 1 / std::sqrt(static_cast<float>(in)));
  };
  matrix("token_embd.weight", model.width, model.vocabulary_size());
  RandomModel::values(file, "output_norm.weight", model.width, 1);
  for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
    const auto block = "blk." + std::to_string(layer) + ".";
    RandomModel::values(file, block + "attn_norm.weight", model.width, 1);
    matrix(block + "ssm_in.weight", model.width, std::uint64_t{2} * inner);
    matrix(block + "ssm_conv1d.weight", kernel, inner);
    RandomModel::values(file, block + "ssm_conv1d.bias", inner, 0.01F);
    matrix(block + "ssm_x.weight", inner, rank + std::uint64_t{2} * state);
    matrix(block + "ssm_dt.weight", rank, inner);
    RandomModel::values(file, block + "ssm_dt.bias", inner, 0.1F);
    // Below 0: what a state holds fades.
    file.tensor(block + "ssm_a", GgufWriter::f32, {state, inner}, [](std::span<char> bytes) {
      const std::vector<float> all(bytes.size() / sizeof(float), -0.5F);
      std::memcpy(bytes.data(), all.data(), bytes.size());
    });
    RandomModel::values(file, block + "ssm_d", inner, 1);
    matrix(block + "ssm_out.weight", inner, model.width);
  }
  return file;
}

}  // namespace dspy::test
