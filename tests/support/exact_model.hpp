#pragma once

#include "llama/model/gguf.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// What a model of the architectures `llama` and `qwen3` computes by its definition: weights as the file's format
/// defines them, everything else in double precision, token by token. Slow, and right on any processor: the measure for
/// kernels.
class ExactModel {
 public:
  explicit ExactModel(const std::filesystem::path& file) : gguf_(llama::read_gguf(file)), path_(file) {
    const auto architecture = gguf_.text("general.architecture").value();
    const auto whole = [&](const char* key) { return gguf_.whole(architecture + "." + key); };
    layers_ = whole("block_count").value();
    width_ = whole("embedding_length").value();
    heads_ = whole("attention.head_count").value();
    kv_heads_ = whole("attention.head_count_kv").value();
    head_ = whole("attention.key_length").value_or(width_ / heads_);
    epsilon_ = gguf_.number(architecture + ".attention.layer_norm_rms_epsilon").value();
    rope_base_ = gguf_.number(architecture + ".rope.freq_base").value();
    is_split_ = architecture == "qwen3";
    for (const auto& tensor : gguf_.tensors) weights_[tensor.name] = read(tensor);
  }

  /// The logarithm of the probability of each token of `continuation` after `prompt` and those before it.
  std::vector<double> score(std::span<const std::int32_t> prompt, std::span<const std::int32_t> continuation) const {
    std::vector<std::int32_t> tokens(prompt.begin(), prompt.end());
    tokens.insert(tokens.end(), continuation.begin(), continuation.end());
    std::vector<Vector> states;
    for (const auto token : tokens) {
      const auto* row = weights_.at("token_embd.weight").data() + static_cast<std::size_t>(token) * width_;
      states.emplace_back(row, row + width_);
    }
    for (std::size_t layer = 0; layer < layers_; ++layer) run_layer("blk." + std::to_string(layer) + ".", states);
    std::vector<double> scores;
    for (std::size_t i = prompt.size(); i < tokens.size(); ++i)
      scores.push_back(log_probability(states[i - 1], static_cast<std::size_t>(tokens[i])));
    return scores;
  }

 private:
  using Vector = std::vector<double>;

  static double half(const std::uint8_t* bytes) {
    const auto bits = static_cast<std::uint32_t>(bytes[0] | bytes[1] << 8);
    const auto exponent = static_cast<int>(bits >> 10 & 31);
    const auto fraction = static_cast<double>(bits & 0x3FF) / 1024;
    const auto value = exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
    return (bits & 0x8000) != 0 ? -value : value;
  }

  // One block each, as ggml's formats are defined (ggml-quants.c, dequantize_row_*).
  static void q4_0(const std::uint8_t* b, Vector& out) {
    for (int high = 0; high < 2; ++high)
      for (int i = 0; i < 16; ++i) out.push_back(half(b) * ((b[2 + i] >> 4 * high & 15) - 8));
  }
  static void q5_0(const std::uint8_t* b, Vector& out) {
    std::uint32_t fifth = 0;
    std::memcpy(&fifth, b + 2, 4);
    for (int high = 0; high < 2; ++high)
      for (int i = 0; i < 16; ++i) {
        const auto bit = static_cast<int>(fifth >> (i + 16 * high) & 1);
        out.push_back(half(b) * ((b[6 + i] >> 4 * high & 15) + 16 * bit - 16));
      }
  }
  static void q8_0(const std::uint8_t* b, Vector& out) {
    for (int i = 0; i < 32; ++i) out.push_back(half(b) * static_cast<std::int8_t>(b[2 + i]));
  }
  static void q4_k(const std::uint8_t* b, Vector& out) {
    const auto* packed = b + 4;
    for (int part = 0; part < 8; ++part) {
      const int scale = part < 4 ? packed[part] & 63 : (packed[part + 4] & 15) | (packed[part - 4] >> 6) << 4;
      const int least = part < 4 ? packed[part + 4] & 63 : packed[part + 4] >> 4 | (packed[part] >> 6) << 4;
      for (int i = 0; i < 32; ++i) {
        const int digit = b[16 + part / 2 * 32 + i] >> 4 * (part % 2) & 15;
        out.push_back(half(b) * scale * digit - half(b + 2) * least);
      }
    }
  }
  static void q6_k(const std::uint8_t* b, Vector& out) {
    for (int i = 0; i < 256; ++i) {
      const int side = i / 128, quarter = i % 128 / 32, at = i % 32;
      const int low = b[64 * side + 32 * (quarter % 2) + at] >> 4 * (quarter / 2) & 15;
      const int high = b[128 + 32 * side + at] >> 2 * quarter & 3;
      out.push_back(half(b + 208) * static_cast<std::int8_t>(b[192 + i / 16]) * ((low | high << 4) - 32));
    }
  }

  Vector read(const llama::GgufTensor& tensor) const {
    std::vector<std::uint8_t> bytes(tensor.bytes);
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(gguf_.data_offset + tensor.offset));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const std::string_view type = llama::tensor_type(tensor.type)->name;
    const auto block = llama::tensor_type(tensor.type)->bytes;
    Vector out;
    out.reserve(tensor.elements);
    for (const auto* b = bytes.data(); b < bytes.data() + bytes.size(); b += block) {
      if (type == "F32") {
        float value = 0;
        std::memcpy(&value, b, 4);
        out.push_back(value);
      } else if (type == "F16") {
        out.push_back(half(b));
      } else if (type == "Q4_0") {
        q4_0(b, out);
      } else if (type == "Q5_0") {
        q5_0(b, out);
      } else if (type == "Q8_0") {
        q8_0(b, out);
      } else if (type == "Q4_K") {
        q4_k(b, out);
      } else if (type == "Q6_K") {
        q6_k(b, out);
      } else {
        throw std::runtime_error("ExactModel does not read weights in " + std::string(type));
      }
    }
    return out;
  }

  Vector product(const std::string& name, const Vector& input) const {
    const auto& matrix = weights_.at(name);
    Vector out(matrix.size() / input.size());
    for (std::size_t row = 0; row < out.size(); ++row) {
      const auto* weights = matrix.data() + row * input.size();
      double sum = 0;
      for (std::size_t i = 0; i < input.size(); ++i) sum += weights[i] * input[i];
      out[row] = sum;
    }
    return out;
  }

  void normalize(std::span<double> values, const std::string& name) const {
    const auto& weights = weights_.at(name);
    double squares = 0;
    for (const auto value : values) squares += value * value;
    const auto scale = 1 / std::sqrt(squares / static_cast<double>(values.size()) + epsilon_);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scale * weights[i];
  }

  /// Turns each head: neighbours in pairs, or (`is_split_`) the two halves against each other.
  void rotate(std::span<double> head, std::size_t position) const {
    for (std::size_t i = 0; i < head_ / 2; ++i) {
      const auto angle = static_cast<double>(position) *
                         std::pow(rope_base_, -2.0 * static_cast<double>(i) / static_cast<double>(head_));
      auto& a = head[is_split_ ? i : 2 * i];
      auto& b = head[is_split_ ? i + head_ / 2 : 2 * i + 1];
      const auto x = a, y = b;
      a = x * std::cos(angle) - y * std::sin(angle);
      b = x * std::sin(angle) + y * std::cos(angle);
    }
  }

  Vector heads_of(const std::string& block, const char* which, const Vector& input, std::size_t position) const {
    auto out = product(block + "attn_" + which + ".weight", input);
    const auto norm = block + "attn_" + which + "_norm.weight";
    for (std::size_t at = 0; at < out.size(); at += head_) {
      const auto head = std::span(out).subspan(at, head_);
      if (weights_.contains(norm)) normalize(head, norm);
      rotate(head, position);
    }
    return out;
  }

  void run_layer(const std::string& block, std::vector<Vector>& states) const {
    std::vector<Vector> keys, values;
    for (std::size_t position = 0; position < states.size(); ++position) {
      auto& state = states[position];
      auto input = state;
      normalize(input, block + "attn_norm.weight");
      const auto query = heads_of(block, "q", input, position);
      keys.push_back(heads_of(block, "k", input, position));
      values.push_back(product(block + "attn_v.weight", input));
      add(state, product(block + "attn_output.weight", attend(query, keys, values)));

      input = state;
      normalize(input, block + "ffn_norm.weight");
      auto gate = product(block + "ffn_gate.weight", input);
      const auto up = product(block + "ffn_up.weight", input);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      add(state, product(block + "ffn_down.weight", gate));
    }
  }

  Vector attend(const Vector& query, const std::vector<Vector>& keys, const std::vector<Vector>& values) const {
    Vector out(query.size());
    Vector weights(keys.size());
    for (std::size_t head = 0; head < heads_; ++head) {
      const auto from = head / (heads_ / kv_heads_) * head_;
      double sum = 0;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        double dot = 0;
        for (std::size_t j = 0; j < head_; ++j) dot += query[head * head_ + j] * keys[i][from + j];
        weights[i] = std::exp(dot / std::sqrt(static_cast<double>(head_)));
        sum += weights[i];
      }
      for (std::size_t i = 0; i < keys.size(); ++i)
        for (std::size_t j = 0; j < head_; ++j) out[head * head_ + j] += weights[i] / sum * values[i][from + j];
    }
    return out;
  }

  double log_probability(Vector state, std::size_t token) const {
    normalize(state, "output_norm.weight");
    const auto logits = product(weights_.contains("output.weight") ? "output.weight" : "token_embd.weight", state);
    double sum = 0;
    for (const auto logit : logits) sum += std::exp(logit - logits[token]);
    return -std::log(sum);
  }

  static void add(Vector& to, const Vector& what) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += what[i];
  }

  llama::Gguf gguf_;
  std::filesystem::path path_;
  std::map<std::string, Vector> weights_;
  std::size_t layers_ = 0, width_ = 0, heads_ = 0, kv_heads_ = 0, head_ = 0;
  double epsilon_ = 0, rope_base_ = 0;
  bool is_split_ = false;
};

}  // namespace dspy::test
