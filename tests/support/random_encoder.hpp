#pragma once

#include "random_model.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace dspy::test {

/// A BERT of random weights, which only reads: for embeddings, or with a head that ranks.
struct RandomEncoder {
  std::uint32_t layers = 2;
  std::uint32_t width = 64;
  std::uint32_t hidden = 128;
  std::uint32_t heads = 4;
  std::uint32_t context_length = 256;
  std::uint32_t pooling = 1;  ///< 1 mean, 2 first token, 4 rank.

  void write(const std::string& path) const {
    GgufWriter file;
    file.text("general.architecture", "bert");
    file.text("general.name", "random encoder");
    file.whole("bert.block_count", layers);
    file.whole("bert.context_length", context_length);
    file.whole("bert.embedding_length", width);
    file.whole("bert.feed_forward_length", hidden);
    file.whole("bert.attention.head_count", heads);
    file.number("bert.attention.layer_norm_epsilon", 1e-12F);
    file.flag("bert.attention.causal", false);
    file.whole("bert.pooling_type", pooling);
    add_tokenizer(file);
    add_weights(file);
    file.write(path);
  }

 private:
  static constexpr std::uint32_t vocabulary = 260;

  static void add_tokenizer(GgufWriter& file) {
    constexpr int normal = 1, control = 3;
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types(256, normal);
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(RandomModel::byte_token(byte));
    for (const char* text : {"<s>", "</s>", "<pad>", "<unk>"}) {
      tokens.emplace_back(text);
      types.push_back(control);
    }
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "gpt-2");
    file.texts("tokenizer.ggml.tokens", tokens);
    file.wholes("tokenizer.ggml.token_type", types);
    file.texts("tokenizer.ggml.merges", {"h e", "l l"});
    file.whole("tokenizer.ggml.bos_token_id", 256);
    file.whole("tokenizer.ggml.eos_token_id", 257);
    file.whole("tokenizer.ggml.seperator_token_id", 257);  // spelt as llama.cpp spells it
    file.flag("tokenizer.ggml.add_bos_token", true);
    file.flag("tokenizer.ggml.add_eos_token", true);
    file.flag("tokenizer.ggml.add_sep_token", true);
    file.whole("tokenizer.ggml.token_type_count", 2);
  }

  void add_weights(GgufWriter& file) const {
    const RandomModel fill{};
    const auto norm = [&](const std::string& name) {
      RandomModel::values(file, name + ".weight", width, 1);
      RandomModel::values(file, name + ".bias", width, 0);
    };
    const auto linear = [&](const std::string& name, std::uint32_t in, std::uint32_t out) {
      fill.matrix(file, name + ".weight", in, out, 1 / std::sqrt(static_cast<float>(in)));
      RandomModel::values(file, name + ".bias", out, 0);
    };
    fill.matrix(file, "token_embd.weight", width, vocabulary, 1);
    fill.matrix(file, "token_types.weight", width, 2, 0.1F);
    fill.matrix(file, "position_embd.weight", width, context_length, 0.5F);
    norm("token_embd_norm");
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const auto block = "blk." + std::to_string(layer) + ".";
      for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"}) linear(block + part, width, width);
      norm(block + "attn_output_norm");
      linear(block + "ffn_up", width, hidden);
      linear(block + "ffn_down", hidden, width);
      norm(block + "layer_output_norm");
    }
    if (pooling == 4) {
      linear("cls", width, width);
      linear("cls.output", width, 1);
    }
  }
};

}  // namespace dspy::test
