#include "dspy/llama/quantize.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/gguf/gguf.hpp"
#include "llama/model/runtime.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <format>
#include <span>
#include <string_view>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

/// Removed unless it was moved to its place.
struct Partial {
  explicit Partial(const fs::path& to) : path(to.string() + std::format(".{}.part", ::getpid())) {}
  ~Partial() {
    std::error_code error;
    fs::remove(path, error);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  fs::path path;
};

/// ggml's kernels for AMX (amx/common.h, `qtype_has_amx_kernels`).
constexpr std::array<std::string_view, 7> amx_types = {"Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"};
/// Types that ggml rearranges for wide integer instructions when it loads them (repack.cpp), and Q8_0, whose products
/// need no unpacking.
constexpr std::array<std::string_view, 4> repacked_types = {"Q4_0", "Q4_K", "IQ4_NL", "Q8_0"};

/// Beside these, what dspy's own kernels read.
constexpr std::array<std::string_view, 5> vnni_types = {"Q4_0", "Q4_K", "IQ4_NL", "Q8_0", "Q5_0"};

std::span<const std::string_view> fast_types(const HostFacts& host) {
  if (host.has_amx) return amx_types;
  if (host.has_vnni) return vnni_types;
  return repacked_types;
}

}  // namespace

std::vector<std::string> quantizations(Runtime* given) {
  return (given ? *given : runtime()).quantizations();
}

void quantize(const fs::path& from, const fs::path& to, const QuantizeOptions& options) {
  auto& library = options.runtime ? *options.runtime : runtime();
  const auto known = library.quantizations();
  const auto type = text::to_lower(options.type);
  if (!std::ranges::contains(known, type)) {
    const auto near = text::nearest(type, known);
    throw Error(Errc::invalid_parameter,
                std::format("there is no quantization `{}`; {}", options.type,
                            near ? std::format("did you mean `{}`?", *near)
                                 : std::format("there is {}", text::enumerate(known, "`", "and"))));
  }
  const auto gguf = read_gguf(from);
  if (gguf.tensors.empty() || gguf.text("general.type") == "adapter")
    throw Error(Errc::model_load_error, std::format("`{}` is not a model, so it cannot be quantized", from.string()),
                {.model = from.string()});
  if (same_file(from, to))
    throw Error(Errc::invalid_parameter,
                std::format("`{}` cannot be quantized into itself; name another file", from.string()));

  if (const auto folder = to.parent_path(); !folder.empty() && !fs::is_directory(folder))
    throw Error(Errc::io_error, std::format("cannot write {}: there is no folder {}", to.string(), folder.string()));

  const Partial partial(to);
  const int threads = options.threads > 0 ? options.threads : recommended_threads(HostFacts::read());
  try {
    library.quantize({.from = from.string(), .to = partial.path.string(), .type = type, .threads = threads});
  } catch (const Error& error) {
    throw Error(error.code(), std::format("cannot quantize `{}` to {}: {}", from.string(), type, error.what()),
                {.model = from.string()});
  }
  std::error_code error;
  fs::rename(partial.path, to, error);
  if (error) throw Error(Errc::io_error, std::format("cannot write {}: {}", to.string(), error.message()));
}

QuantizationAdvice quantization_advice(const ModelInfo& model, const Hardware& hardware) {
  if (!hardware.devices.empty() && hardware.device().kind == Device::Kind::gpu)
    return {.words = "a graphics card runs all quantizations at much the same speed"};
  const auto fast = fast_types(hardware.host);
  std::uint64_t bytes = 0, fast_bytes = 0;
  std::string_view slow;
  for (const auto& weights : model.weights) {
    // Norms and biases are F32 whatever the rest is, and too few to matter.
    if (weights.type == "F32" && weights.bytes < model.weight_bytes / 50) continue;
    bytes += weights.bytes;
    if (std::ranges::contains(fast, weights.type))
      fast_bytes += weights.bytes;
    else if (slow.empty())
      slow = weights.type;
  }
  QuantizationAdvice advice;
  advice.fast_part = bytes > 0 ? static_cast<double>(fast_bytes) / static_cast<double>(bytes) : 1;
  const auto instructions = hardware.host.has_amx ? "AMX" : "its vector instructions";
  if (advice.fast_part >= 0.8) {
    advice.words = std::format("{:.0f} % of the weights are in types that this processor computes with {}",
                               100 * advice.fast_part, instructions);
    return advice;
  }
  const auto bits =
      8 * static_cast<double>(model.weight_bytes) / static_cast<double>(std::max<std::uint64_t>(1, model.parameters));
  advice.better = bits > 7 ? "q8_0" : "q4_0";
  advice.words = std::format(
      "only {:.0f} % of the weights are in types that this processor computes with {} (most others are {}); {} would "
      "run faster: take such a file, or make one with llama::quantize",
      100 * advice.fast_part, instructions, slow, advice.better);
  return advice;
}

}  // namespace dspy::llama
