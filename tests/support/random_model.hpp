#pragma once

#include "gguf_writer.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace dspy::test {

/// A language model of random weights: it writes nonsense, but loads, computes and has a tokenizer like a real one. For
/// speed, real shapes give real figures.
struct RandomModel {
  std::uint32_t layers = 2;
  std::uint32_t width = 64;
  std::uint32_t hidden = 128;
  std::uint32_t heads = 4;
  std::uint32_t kv_heads = 2;
  std::uint32_t context_length = 512;
  std::uint32_t vocabulary = 0;  ///< At least; filled up with tokens that mean nothing.
  GgufWriter::Type type = GgufWriter::f32;
  std::string architecture = "llama";
  std::string name = "random";
  std::string chat_template =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  bool adds_bos = false;
  std::uint64_t seed = 42;

  static constexpr int im_start = 256;
  static constexpr int im_end = 257;

  /// The form in which GPT-2's vocabulary writes a byte.
  static std::string byte_token(int byte) {
    const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
    int code = byte;
    if (!printable(byte)) {
      code = 256;
      for (int b = 0; b < byte; ++b) code += !printable(b);
    }
    if (code < 0x80) return {static_cast<char>(code)};
    return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  }

  GgufWriter writer() const {
    GgufWriter file;
    file.text("general.architecture", architecture);
    file.text("general.name", name);
    const auto key = [&](const char* rest) { return architecture + "." + rest; };
    file.whole(key("block_count"), layers);
    file.whole(key("context_length"), context_length);
    file.whole(key("embedding_length"), width);
    file.whole(key("feed_forward_length"), hidden);
    file.whole(key("attention.head_count"), heads);
    file.whole(key("attention.head_count_kv"), kv_heads);
    file.number(key("attention.layer_norm_rms_epsilon"), 1e-5F);
    file.whole(key("rope.dimension_count"), width / heads);
    add_tokenizer(file);
    add_weights(file);
    return file;
  }

  void write(const std::string& path) const { writer().write(path); }

 private:
  std::uint32_t vocabulary_size() const { return std::max<std::uint32_t>(vocabulary, 261); }

  void add_tokenizer(GgufWriter& file) const {
    constexpr int normal = 1, control = 3, unused = 5;
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types(256, normal);
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(byte_token(byte));
    const auto add = [&](const std::string& text, int kind) {
      tokens.push_back(text);
      types.push_back(kind);
    };
    add("<|im_start|>", control);
    add("<|im_end|>", control);
    add("<|endoftext|>", control);
    add("he", normal);
    add("ll", normal);
    while (tokens.size() < vocabulary_size()) add("[unused" + std::to_string(tokens.size()) + "]", unused);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "gpt-2");
    file.texts("tokenizer.ggml.tokens", tokens);
    file.wholes("tokenizer.ggml.token_type", types);
    file.texts("tokenizer.ggml.merges", {"h e", "l l"});
    file.whole("tokenizer.ggml.eos_token_id", im_end);
    file.whole("tokenizer.ggml.bos_token_id", 258);
    file.flag("tokenizer.ggml.add_bos_token", adds_bos);
    if (!chat_template.empty()) file.text("tokenizer.chat_template", chat_template);
  }

  void add_weights(GgufWriter& file) const {
    const auto heads_width = width / heads * kv_heads;
    const auto scale = 1 / std::sqrt(static_cast<float>(width));
    matrix(file, "token_embd.weight", width, vocabulary_size(), 0.05F);
    ones(file, "output_norm.weight", width);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const auto block = "blk." + std::to_string(layer) + ".";
      ones(file, block + "attn_norm.weight", width);
      ones(file, block + "ffn_norm.weight", width);
      matrix(file, block + "attn_q.weight", width, width, scale);
      matrix(file, block + "attn_k.weight", width, heads_width, scale);
      matrix(file, block + "attn_v.weight", width, heads_width, scale);
      matrix(file, block + "attn_output.weight", width, width, scale);
      matrix(file, block + "ffn_gate.weight", width, hidden, scale);
      matrix(file, block + "ffn_up.weight", width, hidden, scale);
      matrix(file, block + "ffn_down.weight", hidden, width, 1 / std::sqrt(static_cast<float>(hidden)));
    }
  }

  static void ones(GgufWriter& file, const std::string& tensor, std::uint32_t size) {
    file.tensor(tensor, GgufWriter::f32, {size}, [size](std::span<char> bytes) {
      const std::vector<float> values(size, 1.0F);
      std::memcpy(bytes.data(), values.data(), bytes.size());
    });
  }

  void matrix(GgufWriter& file, const std::string& tensor, std::uint64_t in, std::uint64_t out, float scale) const {
    auto next = [state = seed * 0x9E3779B97F4A7C15U + std::hash<std::string>{}(tensor)]() mutable {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return state;
    };
    if (type == GgufWriter::q8_0) {
      // Blocks of a half-precision scale and 32 signed bytes; uniform in ±127 has a deviation of 73.
      file.tensor(tensor, type, {in, out}, [next, scale](std::span<char> bytes) mutable {
        const auto half = to_half(scale / 73);
        for (std::size_t i = 0; i < bytes.size(); i += 34) {
          std::memcpy(&bytes[i], &half, 2);
          for (std::size_t j = 2; j < 34; j += 8) {
            const auto random = next();
            std::memcpy(&bytes[i + j], &random, 8);
          }
        }
      });
      return;
    }
    file.tensor(tensor, GgufWriter::f32, {in, out}, [next, scale](std::span<char> bytes) mutable {
      for (std::size_t i = 0; i < bytes.size(); i += 4) {
        const auto value = (static_cast<float>(next() % 2001) - 1000) / 577 * scale;
        std::memcpy(&bytes[i], &value, 4);
      }
    });
  }

  /// For small positive normal numbers, cut off.
  static std::uint16_t to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((((bits >> 23) - 127 + 15) << 10) | ((bits >> 13) & 0x3FF));
  }
};

}  // namespace dspy::test
