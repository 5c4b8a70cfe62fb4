#pragma once

#include "random_model.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace dspy::test {

/// A mixture of experts of random weights in half floats, of which a token uses two; bytes are its tokens.
struct RandomExperts {
  std::uint32_t layers = 2;
  std::uint32_t width = 256;
  std::uint32_t hidden = 512;
  std::uint32_t heads = 8;
  std::uint32_t kv_heads = 2;
  std::uint32_t experts = 6;

  void write(const std::string& path) const {
    GgufWriter file;
    file.text("general.architecture", "llama");
    file.text("general.name", "random experts");
    file.whole("llama.block_count", layers);
    file.whole("llama.context_length", 1024);
    file.whole("llama.embedding_length", width);
    file.whole("llama.feed_forward_length", hidden);
    file.whole("llama.attention.head_count", heads);
    file.whole("llama.attention.head_count_kv", kv_heads);
    file.whole("llama.expert_count", experts);
    file.whole("llama.expert_used_count", 2);
    file.number("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    file.whole("llama.rope.dimension_count", width / heads);
    file.number("llama.rope.freq_base", 10000);
    add_tokenizer(file);
    add_weights(file);
    file.write(path);
  }

 private:
  static void add_tokenizer(GgufWriter& file) {
    constexpr int normal = 1, control = 3;
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types(256, normal);
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(RandomModel::byte_token(byte));
    tokens.emplace_back("<|end|>");
    types.push_back(control);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "gpt-2");
    file.texts("tokenizer.ggml.tokens", tokens);
    file.wholes("tokenizer.ggml.token_type", types);
    file.texts("tokenizer.ggml.merges", {"h e", "l l"});
    file.whole("tokenizer.ggml.bos_token_id", 256);
    file.whole("tokenizer.ggml.eos_token_id", 256);
    file.flag("tokenizer.ggml.add_bos_token", false);
  }

  void add_weights(GgufWriter& file) const {
    const auto heads_width = width / heads * kv_heads;
    matrix(file, "token_embd.weight", {width, 257}, 0.05F);
    RandomModel::values(file, "output_norm.weight", width, 1);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const auto block = "blk." + std::to_string(layer) + ".";
      const auto scale = 1 / std::sqrt(static_cast<float>(width));
      RandomModel::values(file, block + "attn_norm.weight", width, 1);
      RandomModel::values(file, block + "ffn_norm.weight", width, 1);
      matrix(file, block + "attn_q.weight", {width, width}, scale);
      matrix(file, block + "attn_k.weight", {width, heads_width}, scale);
      matrix(file, block + "attn_v.weight", {width, heads_width}, scale);
      matrix(file, block + "attn_output.weight", {width, width}, scale);
      matrix(file, block + "ffn_gate_inp.weight", {width, experts}, scale * 4);
      matrix(file, block + "ffn_gate_exps.weight", {width, hidden, experts}, scale);
      matrix(file, block + "ffn_up_exps.weight", {width, hidden, experts}, scale);
      matrix(file, block + "ffn_down_exps.weight", {hidden, width, experts}, scale);
    }
  }

  static void matrix(GgufWriter& file, const std::string& name, const std::vector<std::uint64_t>& shape, float scale) {
    file.tensor(name, GgufWriter::f16, shape, [name, scale](std::span<char> bytes) {
      std::seed_seq seed(name.begin(), name.end());
      std::mt19937 random(seed);
      std::normal_distribution<float> number(0, scale);
      for (std::size_t at = 0; at < bytes.size(); at += 2) {
        const auto half = static_cast<_Float16>(number(random));
        std::memcpy(&bytes[at], &half, sizeof half);
      }
    });
  }
};

}  // namespace dspy::test
