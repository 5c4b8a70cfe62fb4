#include "dspy/llama/model_info.hpp"

#include "dspy/llama/chat_template.hpp"
#include "llama/gguf/gguf.hpp"
#include "llama/gguf/tensor_type.hpp"
#include "llama/model/model_info.hpp"
#include "lm/json/sampling_json.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>

namespace dspy::llama {
namespace {

int small(std::optional<std::uint64_t> value) {
  constexpr std::uint64_t most = std::numeric_limits<int>::max();
  return static_cast<int>(std::min(value.value_or(0), most));
}

std::vector<ModelInfo::Weights> weights_by_type(const Gguf& gguf) {
  std::vector<ModelInfo::Weights> weights;
  for (const auto& tensor : gguf.tensors) {
    const auto* known = tensor_type(tensor.type);
    const auto type = known ? std::string(known->name) : std::format("type {}", tensor.type);
    auto found = std::ranges::find(weights, type, &ModelInfo::Weights::type);
    if (found == weights.end()) found = weights.insert(found, {.type = type});
    ++found->tensors;
    found->bytes += tensor.bytes;
  }
  std::ranges::stable_sort(weights, std::greater{}, &ModelInfo::Weights::bytes);
  return weights;
}

/// The types that hold at least a fifth of the weights; the label in a file's name may say something else.
std::string name_of(const std::vector<ModelInfo::Weights>& weights, std::uint64_t bytes) {
  std::string name;
  for (const auto& [type, tensors, size] : weights) {
    if (!name.empty() && size < bytes / 5) break;
    if (!name.empty()) name += " + ";
    name += type;
  }
  return name;
}

std::string tokenizer_name(const Gguf& gguf) {
  const auto model = gguf.text("tokenizer.ggml.model").value_or("");
  const auto pre = gguf.text("tokenizer.ggml.pre");
  return pre ? std::format("{} ({})", model, *pre) : model;
}

/// Keys that llama.cpp defines for what a model's makers advise; what is out of range is left to our defaults.
Sampling recommended_sampling(const Gguf& gguf) {
  Sampling sampling;
  const auto number = [&](std::string_view key, double least, double most) -> std::optional<double> {
    const auto value = gguf.number(std::format("general.sampling.{}", key));
    if (!value || std::isnan(*value) || *value < least || *value > most) return std::nullopt;
    // Stored as float: 0.7 must not become 0.699999988.
    return std::round(*value * 1e6) / 1e6;
  };
  const auto count = [&](std::string_view key) -> std::optional<int> {
    const auto value = number(key, 0, 1e9);
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  };
  sampling.temperature = number("temp", 0, 100);
  sampling.top_p = number("top_p", 1e-6, 1);
  sampling.min_p = number("min_p", 0, 1);
  sampling.top_k = count("top_k");
  sampling.repeat_penalty = number("penalty_repeat", 1e-6, 100);
  sampling.repeat_last_n = count("penalty_last_n");
  return sampling;
}

/// Keys and values of all layers.  A list of more layers than `Gguf` shows counts as the heads that queries have.
std::uint64_t kv_elements(const Gguf& gguf, const ModelInfo& info) {
  const auto key = [&](std::string_view rest) { return std::format("{}.{}", info.architecture, rest); };
  const auto heads = gguf.whole(key("attention.head_count")).value_or(0);
  if (heads == 0) return 0;
  const auto width = static_cast<std::uint64_t>(info.embedding_length) / heads;
  const auto head_size = gguf.whole(key("attention.key_length")).value_or(width) +
                         gguf.whole(key("attention.value_length")).value_or(width);
  const auto* const kv_heads = gguf.find(key("attention.head_count_kv"));
  std::uint64_t all_heads = 0;
  if (kv_heads && kv_heads->is_array()) {
    for (const auto& each : kv_heads->as_array())
      all_heads += each.is_uint64()                           ? each.get_uint64()
                   : each.is_int64() && each.get_int64() >= 0 ? static_cast<std::uint64_t>(each.get_int64())
                                                              : heads;
  } else {
    all_heads = gguf.whole(key("attention.head_count_kv")).value_or(heads) * static_cast<std::uint64_t>(info.layers);
  }
  return all_heads * head_size;
}

/// States of Mamba's kind in all layers; of a hybrid, in those that have no heads for keys.
std::uint64_t state_elements(const Gguf& gguf, const ModelInfo& info) {
  const auto whole = [&](std::string_view rest) {
    return gguf.whole(std::format("{}.ssm.{}", info.architecture, rest)).value_or(0);
  };
  const auto inner = whole("inner_size"), state = whole("state_size"), kernel = whole("conv_kernel");
  if (inner == 0) return 0;
  auto layers = static_cast<std::uint64_t>(info.layers);
  const auto* const kv_heads = gguf.find(info.architecture + ".attention.head_count_kv");
  if (kv_heads && kv_heads->is_array())
    layers = static_cast<std::uint64_t>(std::ranges::count_if(kv_heads->as_array(), [](const Json& each) {
      return (each.is_uint64() && each.get_uint64() == 0) || (each.is_int64() && each.get_int64() == 0);
    }));
  const auto window = kernel == 0 ? 0 : (kernel - 1) * (inner + 2 * whole("group_count") * state);
  return layers * (window + inner * state);
}

}  // namespace

ModelInfo describe(const Gguf& gguf, const std::filesystem::path& file) {
  ModelInfo info;
  info.path = file;
  info.name = gguf.text("general.name").value_or(file.stem().string());
  info.architecture = gguf.text("general.architecture").value_or("");
  info.file_bytes = gguf.file_bytes;
  for (const auto& tensor : gguf.tensors) {
    info.parameters += tensor.elements;
    info.weight_bytes += tensor.bytes;
  }
  info.weights = weights_by_type(gguf);
  info.quantization = name_of(info.weights, info.weight_bytes);
  const auto of_architecture = [&](std::string_view key) {
    return small(gguf.whole(std::format("{}.{}", info.architecture, key)));
  };
  info.context_length = of_architecture("context_length");
  info.embedding_length = of_architecture("embedding_length");
  info.layers = of_architecture("block_count");
  info.vocabulary = small(gguf.length("tokenizer.ggml.tokens"));
  info.kv_elements = kv_elements(gguf, info);
  info.state_elements = state_elements(gguf, info);
  info.tokenizer = tokenizer_name(gguf);
  info.chat_template = gguf.text("tokenizer.chat_template").value_or("");
  const auto format = ChatTemplate::recognise(
      info.chat_template, {.is_token = [&](std::string_view) { return gguf.has_chatml_tokens; }, .bos = "", .eos = ""});
  info.chat_format = format.name();
  info.knows_chat_template = format.recognised();
  info.recommended = recommended_sampling(gguf);
  info.metadata = gguf.metadata;
  return info;
}

ModelInfo inspect_model(const std::filesystem::path& file) {
  return describe(read_gguf(file), file);
}

JsonObject to_json(const ModelInfo& info) {
  JsonObject json{{"path", info.path.string()},
                  {"name", info.name},
                  {"architecture", info.architecture},
                  {"quantization", info.quantization},
                  {"parameters", info.parameters},
                  {"file_bytes", info.file_bytes},
                  {"weight_bytes", info.weight_bytes},
                  {"context_length", info.context_length},
                  {"embedding_length", info.embedding_length},
                  {"layers", info.layers},
                  {"vocabulary", info.vocabulary},
                  {"kv_elements", info.kv_elements},
                  {"state_elements", info.state_elements},
                  {"tokenizer", info.tokenizer},
                  {"has_chat_template", !info.chat_template.empty()},
                  {"knows_chat_template", info.knows_chat_template},
                  {"chat_format", info.chat_format},
                  {"recommended_sampling", to_json(info.recommended)}};
  JsonArray weights;
  for (const auto& [type, tensors, bytes] : info.weights)
    weights.push_back(JsonObject{{"type", type}, {"tensors", tensors}, {"bytes", bytes}});
  json["weights"] = std::move(weights);
  JsonObject metadata;
  for (const auto& [key, value] : info.metadata) {
    if (key != "tokenizer.chat_template") metadata.emplace(key, value);
  }
  json["metadata"] = std::move(metadata);
  return json;
}

}  // namespace dspy::llama
