#pragma once

#include "random_model.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace dspy::test {

/// An image or audio part (mmproj) of random weights for a `RandomModel` of the same width: what it sees means nothing,
/// but differs with every picture.
struct RandomSenses {
  enum class Kind {
    plain,   ///< As LLaVA: a picture is as many tokens as it has patches, read in order.
    pooled,  ///< As Gemma 3: the tokens of a picture look at each other (not causal).
    grid,    ///< As Qwen2-VL: positions in two dimensions (M-RoPE), the picture's own size.
    sound,   ///< As Ultravox: Whisper's encoder.
  };

  Kind kind = Kind::plain;
  std::uint32_t width = 64;  ///< The language model's.
  std::uint32_t inner = 32;
  std::uint32_t image_size = 112;
  std::uint32_t patch_size = 14;
  std::uint32_t layers = 1;
  std::uint64_t seed = 7;

  std::string type() const {
    switch (kind) {
      case Kind::plain: return "mlp";
      case Kind::pooled: return "gemma3";
      case Kind::grid: return "qwen2vl_merger";
      case Kind::sound: return "ultravox";
    }
    return "";
  }

  /// The language model that goes with it, of the same width.
  GgufWriter language_model() const {
    RandomModel model{.width = width, .context_length = 4096, .seed = seed};
    if (kind != Kind::grid) return model.writer();
    model.architecture = "qwen2vl";
    model.attention_bias = true;
    auto file = model.writer();
    file.wholes("qwen2vl.rope.dimension_sections", {2, 3, 3, 0});
    return file;
  }

  void write(const std::string& path) const {
    GgufWriter file;
    file.text("general.architecture", "clip");
    file.text("general.type", "mmproj");
    file.text("general.name", "random senses");
    file.text("clip.projector_type", type());
    if (kind == Kind::sound)
      add_ear(file);
    else
      add_eye(file);
    file.write(path);
  }

 private:
  RandomModel source() const { return {.seed = seed}; }

  void matrix(GgufWriter& file, const std::string& name, std::uint64_t in, std::uint64_t out) const {
    source().matrix(file, name, in, out, 1 / std::sqrt(static_cast<float>(in)));
  }
  void layer(GgufWriter& file, const std::string& name, std::uint64_t in, std::uint64_t out) const {
    matrix(file, name + ".weight", in, out);
    RandomModel::values(file, name + ".bias", static_cast<std::uint32_t>(out), 0.01F);
  }
  static void norm(GgufWriter& file, const std::string& name, std::uint32_t size) {
    RandomModel::values(file, name + ".weight", size, 1);
    RandomModel::values(file, name + ".bias", size, 0);
  }
  /// A tensor of more than two dimensions, filled as a matrix of the same size.
  void block(GgufWriter& file, const std::string& name, const std::vector<std::uint64_t>& shape) const {
    auto state = seed * 0x9E3779B97F4A7C15U + std::hash<std::string>{}(name);
    file.tensor(name, GgufWriter::f32, shape, [state](std::span<char> bytes) mutable {
      for (std::size_t i = 0; i < bytes.size(); i += 4) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const auto value = (static_cast<float>(state >> 40) / 16777216.0F - 0.5F) * 0.2F;
        std::memcpy(&bytes[i], &value, 4);
      }
    });
  }

  void add_blocks(GgufWriter& file, const std::string& part, std::uint32_t hidden) const {
    for (std::uint32_t i = 0; i < layers; ++i) {
      const auto name = part + ".blk." + std::to_string(i) + ".";
      norm(file, name + "ln1", inner);
      norm(file, name + "ln2", inner);
      for (const std::string which : {"attn_q", "attn_k", "attn_v", "attn_out"}) {
        if (part == "a" && which == "attn_k")  // Whisper's keys have no bias
          matrix(file, name + which + ".weight", inner, inner);
        else
          layer(file, name + which, inner, inner);
      }
      layer(file, name + "ffn_up", inner, hidden);
      layer(file, name + "ffn_down", hidden, inner);
    }
  }

  void add_eye(GgufWriter& file) const {
    const auto hidden = 2 * inner;
    file.flag("clip.has_vision_encoder", true);
    file.flag("clip.use_gelu", true);
    file.whole("clip.vision.image_size", image_size);
    file.whole("clip.vision.patch_size", patch_size);
    file.whole("clip.vision.embedding_length", inner);
    file.whole("clip.vision.feed_forward_length", hidden);
    file.whole("clip.vision.block_count", layers);
    file.whole("clip.vision.projection_dim", width);
    file.whole("clip.vision.attention.head_count", 2);
    file.number("clip.vision.attention.layer_norm_epsilon", 1e-6F);
    file.numbers("clip.vision.image_mean", {0.5F, 0.5F, 0.5F});
    file.numbers("clip.vision.image_std", {0.5F, 0.5F, 0.5F});
    const auto patches = (image_size / patch_size) * (image_size / patch_size);
    block(file, "v.patch_embd.weight", {patch_size, patch_size, 3, inner});
    add_blocks(file, "v", hidden);
    norm(file, "v.post_ln", inner);
    if (kind == Kind::plain) {
      block(file, "v.class_embd", {inner});
      block(file, "v.position_embd.weight", {inner, patches + 1});
      norm(file, "v.pre_ln", inner);
      layer(file, "mm.0", inner, width);
      layer(file, "mm.2", width, width);
    } else if (kind == Kind::pooled) {
      block(file, "v.position_embd.weight", {inner, patches});
      RandomModel::values(file, "v.patch_embd.bias", inner, 0.01F);
      matrix(file, "mm.input_projection.weight", width, inner);
      RandomModel::values(file, "mm.soft_emb_norm.weight", inner, 1);
    } else {
      block(file, "v.patch_embd.weight.1", {patch_size, patch_size, 3, inner});
      layer(file, "mm.0", std::uint64_t{4} * inner, std::uint64_t{4} * inner);
      layer(file, "mm.2", std::uint64_t{4} * inner, width);
    }
  }

  void add_ear(GgufWriter& file) const {
    constexpr std::uint32_t bins = 80;
    constexpr std::uint32_t stack = 20;  // of 1,500 frames, without a rest
    const auto hidden = 2 * inner;
    file.flag("clip.has_audio_encoder", true);
    file.flag("clip.use_gelu", true);
    file.whole("clip.audio.embedding_length", inner);
    file.whole("clip.audio.feed_forward_length", hidden);
    file.whole("clip.audio.block_count", layers);
    file.whole("clip.audio.projection_dim", width);
    file.whole("clip.audio.attention.head_count", 2);
    file.number("clip.audio.attention.layer_norm_epsilon", 1e-6F);
    file.whole("clip.audio.num_mel_bins", bins);
    file.whole("clip.audio.projector.stack_factor", stack);
    block(file, "a.conv1d.1.weight", {3, bins, inner});
    block(file, "a.conv1d.1.bias", {1, inner});
    block(file, "a.conv1d.2.weight", {3, inner, inner});
    block(file, "a.conv1d.2.bias", {1, inner});
    block(file, "a.position_embd.weight", {inner, 1500});
    add_blocks(file, "a", hidden);
    norm(file, "a.post_ln", inner);
    matrix(file, "mm.a.mlp.1.weight", std::uint64_t{inner} * stack, std::uint64_t{2} * inner);
    matrix(file, "mm.a.mlp.2.weight", inner, width);
    RandomModel::values(file, "mm.a.norm_pre.weight", inner * stack, 1);
    RandomModel::values(file, "mm.a.norm_mid.weight", inner, 1);
  }
};

}  // namespace dspy::test
