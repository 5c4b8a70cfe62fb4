#pragma once

#include "dspy/base/text.hpp"
#include "llama/gguf/gguf.hpp"
#include "llama/gguf/tensor_type.hpp"
#include "llama/kernels/product.hpp"
#include "weight_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// What a model of the architectures `llama` (also with experts) and `qwen3` computes by its definition: weights as the
/// file's format defines them, everything else in double precision, token by token. Slow, and right on any processor:
/// the measure for kernels.
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
    experts_ = whole("expert_count").value_or(0);
    experts_used_ = whole("expert_used_count").value_or(0);
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

  static std::optional<WeightType> weight_type(std::string_view gguf_name) {
    for (int i = 0; i < llama::kernels::weight_types; ++i) {
      const auto type = static_cast<WeightType>(i);
      if (text::equals_ignoring_case(name_of(type), gguf_name)) return type;
    }
    return std::nullopt;
  }

  Vector read(const llama::GgufTensor& tensor) const {
    std::vector<std::byte> bytes(tensor.bytes);
    std::ifstream file(path_, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(gguf_.data_offset + tensor.offset));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const std::string_view name = llama::tensor_type(tensor.type)->name;
    Vector out;
    out.reserve(tensor.elements);
    if (name == "F32") {
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, &bytes[at], sizeof value);
        out.push_back(value);
      }
      return out;
    }
    const auto type = weight_type(name);
    if (!type) throw std::runtime_error("ExactModel does not read weights in " + std::string(name));
    const auto block = block_size(*type);
    for (std::size_t at = 0; at < bytes.size(); at += block.bytes)
      for (int i = 0; i < block.weights; ++i) out.push_back(WeightBlock(*type, &bytes[at]).weight(i));
    return out;
  }

  /// `part`: of a matrix of so many `parts`, such as experts.
  Vector product(const std::string& name, const Vector& input, std::size_t part = 0, std::size_t parts = 1) const {
    const auto& matrix = weights_.at(name);
    Vector out(matrix.size() / input.size() / parts);
    for (std::size_t row = 0; row < out.size(); ++row) {
      const auto* weights = matrix.data() + (part * out.size() + row) * input.size();
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
      if (experts_ == 0)
        add(state, feed_forward(block, "", input, 0, 1));
      else
        for (const auto& [expert, share] : choose_experts(product(block + "ffn_gate_inp.weight", input))) {
          auto out = feed_forward(block, "_exps", input, expert, experts_);
          for (auto& value : out) value *= share;
          add(state, out);
        }
    }
  }

  Vector feed_forward(const std::string& block, const std::string& kind, const Vector& input, std::size_t part,
                      std::size_t parts) const {
    auto gate = product(block + "ffn_gate" + kind + ".weight", input, part, parts);
    const auto up = product(block + "ffn_up" + kind + ".weight", input, part, parts);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return product(block + "ffn_down" + kind + ".weight", gate, part, parts);
  }

  /// The likeliest experts, with shares that add up to 1.
  std::vector<std::pair<std::size_t, double>> choose_experts(const Vector& logits) const {
    std::vector<std::pair<std::size_t, double>> all;
    for (std::size_t i = 0; i < logits.size(); ++i) all.emplace_back(i, std::exp(logits[i]));
    std::ranges::sort(all, std::greater{}, &std::pair<std::size_t, double>::second);
    all.resize(experts_used_);
    double sum = 0;
    for (const auto& [expert, share] : all) sum += share;
    for (auto& [expert, share] : all) share /= sum;
    return all;
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
  std::size_t layers_ = 0, width_ = 0, heads_ = 0, kv_heads_ = 0, head_ = 0, experts_ = 0, experts_used_ = 0;
  double epsilon_ = 0, rope_base_ = 0;
  bool is_split_ = false;
};

}  // namespace dspy::test
