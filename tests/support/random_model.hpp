#pragma once

#include "gguf_writer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  float norm_epsilon = 1e-5F;
  float rope_base = 10000;
  bool attention_bias = false;             ///< As Qwen2 has it.
  std::optional<std::uint32_t> pooling{};  ///< 1 mean, 2 first, 3 last token, 4 rank: an embedding model.
  std::uint64_t seed = 42;
  /// GPT-2's byte-level vocabulary, or one like SentencePiece's, whose texts begin with a blank of its own.
  enum class Tokenizer { byte_level, sentence_pieces } tokenizer = Tokenizer::byte_level;

  /// A real model's shape: `135m` (SmolLM2), `0.5b` or `1.5b` (Qwen2.5); nothing for another name.
  static std::optional<RandomModel> of_shape(std::string_view shape, GgufWriter::Type type) {
    if (shape == "135m")
      return RandomModel{.layers = 30,
                         .width = 576,
                         .hidden = 1536,
                         .heads = 9,
                         .kv_heads = 3,
                         .context_length = 8192,
                         .vocabulary = 49152,
                         .type = type,
                         .name = "random weights, shape of SmolLM2 135M",
                         .rope_base = 100000};
    if (shape == "0.5b")
      return RandomModel{.layers = 24,
                         .width = 896,
                         .hidden = 4864,
                         .heads = 14,
                         .kv_heads = 2,
                         .context_length = 32768,
                         .vocabulary = 151936,
                         .type = type,
                         .architecture = "qwen2",
                         .name = "random weights, shape of Qwen2.5 0.5B",
                         .norm_epsilon = 1e-6F,
                         .rope_base = 1000000,
                         .attention_bias = true};
    if (shape == "1.5b") {
      auto model = of_shape("0.5b", type);
      model->layers = 28;
      model->width = 1536;
      model->hidden = 8960;
      model->heads = 12;
      model->name = "random weights, shape of Qwen2.5 1.5B";
      return model;
    }
    return std::nullopt;
  }

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
    file.number(key("attention.layer_norm_rms_epsilon"), norm_epsilon);
    file.whole(key("rope.dimension_count"), width / heads);
    file.number(key("rope.freq_base"), rope_base);
    if (pooling) file.whole(key("pooling_type"), *pooling);
    add_tokenizer(file);
    add_weights(file);
    return file;
  }

  void write(const std::string& path) const { writer().write(path); }

  /// A tensor of one value.
  static void values(GgufWriter& file, const std::string& tensor, std::uint32_t size, float value) {
    file.tensor(tensor, GgufWriter::f32, {size}, [size, value](std::span<char> bytes) {
      const std::vector<float> all(size, value);
      std::memcpy(bytes.data(), all.data(), bytes.size());
    });
  }

  /// A tensor of random values around 0 with the deviation `scale`, the same for the same name and `seed`.
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
    if (type == GgufWriter::f16) {
      file.tensor(tensor, type, {in, out}, [next, scale](std::span<char> bytes) mutable {
        // Even steps of 1/64 of the widest value, with its sign.
        std::uint16_t halves[128];
        for (int i = 0; i < 128; ++i) {
          const auto magnitude = to_half(scale * 1.73F * (static_cast<float>(i % 64) + 0.5F) / 64);
          halves[i] = static_cast<std::uint16_t>(magnitude | (i < 64 ? 0 : 0x8000));
        }
        for (std::size_t i = 0; i < bytes.size(); i += 2) std::memcpy(&bytes[i], &halves[next() % 128], 2);
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

  std::uint32_t vocabulary_size() const {
    return std::max<std::uint32_t>(vocabulary, tokenizer == Tokenizer::byte_level ? 261 : 404);
  }

  void add_tokenizer(GgufWriter& file) const {
    if (tokenizer == Tokenizer::sentence_pieces) return add_sentence_pieces(file);
    add_bytes(file);
  }

 private:
  /// Pieces with letters in common, so that a text can be cut in several ways.
  void add_sentence_pieces(GgufWriter& file) const {
    constexpr int normal = 1, unknown = 2, control = 3, byte = 6;
    std::vector<std::string> tokens;
    std::vector<std::int32_t> types;
    std::vector<float> scores;
    const auto add = [&](const std::string& text, int kind, float score) {
      tokens.push_back(text);
      types.push_back(kind);
      scores.push_back(score);
    };
    add("<unk>", unknown, 0);
    add("<s>", control, 0);
    add("</s>", control, 0);
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (unsigned value = 0; value < 256; ++value)
      add(std::string("<0x") + digits[value / 16] + digits[value % 16] + ">", byte, 0);
    const std::string blank = "\u2581";
    float score = 0;
    for (const std::string piece :
         {"th", "an", "er", "in", "re",  "sw",    "ans", "answ", "answer", "Ans", "Answer", "\":", "},",
          "[[", "##", "]]", "sc", "ore", "score", "ne",  "xt",   "next",   "st",  "ep",     "du"}) {
      add(piece, normal, --score);
      add(blank + piece, normal, --score);
    }
    add(blank, normal, -1000);
    for (char letter = 33; letter < 127; ++letter)
      add(std::string(1, letter), normal, -1000 - static_cast<float>(letter));
    while (tokens.size() < vocabulary_size()) add("[unused" + std::to_string(tokens.size()) + "]", normal, -9999);
    file.text("tokenizer.ggml.model", "llama");
    file.texts("tokenizer.ggml.tokens", tokens);
    file.wholes("tokenizer.ggml.token_type", types);
    file.numbers("tokenizer.ggml.scores", scores);
    file.whole("tokenizer.ggml.bos_token_id", 1);
    file.whole("tokenizer.ggml.eos_token_id", 2);
    file.flag("tokenizer.ggml.add_bos_token", adds_bos);
    if (!chat_template.empty()) file.text("tokenizer.chat_template", chat_template);
  }

  void add_bytes(GgufWriter& file) const {
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
    values(file, "output_norm.weight", width, 1);
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      const auto block = "blk." + std::to_string(layer) + ".";
      values(file, block + "attn_norm.weight", width, 1);
      values(file, block + "ffn_norm.weight", width, 1);
      matrix(file, block + "attn_q.weight", width, width, scale);
      matrix(file, block + "attn_k.weight", width, heads_width, scale);
      matrix(file, block + "attn_v.weight", width, heads_width, scale);
      if (attention_bias) {
        values(file, block + "attn_q.bias", width, 0);
        values(file, block + "attn_k.bias", heads_width, 0);
        values(file, block + "attn_v.bias", heads_width, 0);
      }
      matrix(file, block + "attn_output.weight", width, width, scale);
      matrix(file, block + "ffn_gate.weight", width, hidden, scale);
      matrix(file, block + "ffn_up.weight", width, hidden, scale);
      matrix(file, block + "ffn_down.weight", hidden, width, 1 / std::sqrt(static_cast<float>(hidden)));
    }
  }

  /// For small positive normal numbers, cut off.
  static std::uint16_t to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((((bits >> 23) - 127 + 15) << 10) | ((bits >> 13) & 0x3FF));
  }
};

}  // namespace dspy::test
