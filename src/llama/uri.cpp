#include "dspy/llama/llama_lm.hpp"
#include "llama/uri_options.hpp"

#include <chrono>
#include <functional>
#include <map>

namespace dspy::llama {
namespace {

using Setter = std::function<void(LlamaOptions& options, std::string_view name, std::string_view value)>;

template <class T>
Setter sampling(std::optional<T> Sampling::* member) {
  return [member](LlamaOptions& options, std::string_view name, std::string_view value) {
    options.sampling.*member = read<T>(name, value);
  };
}

template <class T>
Setter engine(T EngineOptions::* member) {
  return [member](LlamaOptions& options, std::string_view name, std::string_view value) {
    options.engine.*member = read<T>(name, value);
  };
}

template <class T>
Setter media(T MediaOptions::* member) {
  return [member](LlamaOptions& options, std::string_view name, std::string_view value) {
    options.model.media.*member = read<T>(name, value);
  };
}

template <class T>
Setter engine_choice(T EngineOptions::* member, std::map<std::string, T, std::less<>> choices) {
  return [member, choices = std::move(choices)](LlamaOptions& options, std::string_view name, std::string_view value) {
    const auto found = choices.find(value);
    if (found == choices.end()) {
      std::vector<std::string> names;
      for (const auto& [choice, unused] : choices) names.push_back(choice);
      unreadable(name, value, text::enumerate(names, "`", "or"));
    }
    options.engine.*member = found->second;
  };
}

/// `file` or `file:scale`.
Lora lora_of(std::string_view value) {
  const auto colon = value.rfind(':');
  double scale = 1;
  if (colon != value.npos) {
    const auto number = value.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), scale);
    if (error == std::errc{} && end == number.data() + number.size())
      return {.file = value.substr(0, colon), .scale = scale};
  }
  return {.file = value};
}

using Setters = std::map<std::string, Setter, std::less<>>;

Setters sampling_setters() {
  return {
      {"max_tokens", sampling(&Sampling::max_tokens)},
      {"temperature", sampling(&Sampling::temperature)},
      {"top_p", sampling(&Sampling::top_p)},
      {"top_k", sampling(&Sampling::top_k)},
      {"min_p", sampling(&Sampling::min_p)},
      {"repeat_penalty", sampling(&Sampling::repeat_penalty)},
      {"repeat_last_n", sampling(&Sampling::repeat_last_n)},
      {"seed", sampling(&Sampling::seed)},
      {"stop", [](auto& options, auto, auto value) { options.sampling.stop.emplace_back(value); }},
      {"logprobs", sampling(&Sampling::logprobs)},
  };
}

Setters engine_setters() {
  return {
      {"context_length", engine(&EngineOptions::context_length)},
      {"sequences", engine(&EngineOptions::sequences)},
      {"queue_limit", engine(&EngineOptions::queue_limit)},
      {"when_full",
       [](auto& options, auto name, auto value) {
         if (value != "refuse" && value != "wait") unreadable(name, value, "`refuse` or `wait`");
         options.engine.when_full = value == "wait" ? WhenFull::wait : WhenFull::refuse;
       }},
      {"collect", [](auto& options, auto name,
                     auto value) { options.engine.collect = std::chrono::milliseconds(read<int>(name, value)); }},
      {"reuse", engine(&EngineOptions::reuse)},
      {"reproducible", engine(&EngineOptions::reproducible)},
      {"threads", engine(&EngineOptions::threads)},
      {"batch", engine(&EngineOptions::batch)},
      {"micro_batch", engine(&EngineOptions::micro_batch)},
      {"prefill_chunk", engine(&EngineOptions::prefill_chunk)},
      {"loop_tokens", engine(&EngineOptions::loop_tokens)},
      {"draft_tokens", engine(&EngineOptions::draft_tokens)},
      {"draft_memory", engine(&EngineOptions::draft_memory)},
      {"kv_tokens", engine(&EngineOptions::kv_tokens)},
      {"host_bytes", engine(&EngineOptions::host_bytes)},
      {"kv_on_host", engine(&EngineOptions::kv_on_host)},
      {"yields", engine(&EngineOptions::yields)},
      {"kv_bytes", engine(&EngineOptions::kv_bytes)},
      {"kv_type",
       engine_choice(&EngineOptions::kv_type,
                     {{"f16", KvType::f16}, {"q8_0", KvType::q8_0}, {"q4_0", KvType::q4_0}, {"f32", KvType::f32}})},
      {"flash_attention",
       engine_choice(&EngineOptions::flash_attention,
                     {{"auto", FlashAttention::automatic}, {"on", FlashAttention::on}, {"off", FlashAttention::off}})},
      {"speculation",
       engine_choice(&EngineOptions::speculation,
                     {{"auto", Speculation::automatic}, {"on", Speculation::on}, {"off", Speculation::off}})},
      {"prefix_directory", [](auto& options, auto, auto value) { options.engine.prefix_directory = value; }},
      {"file_bytes", engine(&EngineOptions::file_bytes)},
  };
}

/// Of the model, its parts and its replies.
Setters model_setters() {
  return {
      {"constrain",
       [](auto& options, auto name, auto value) {
         if (value == "strict") {
           options.constrain = Constrain::strict;
         } else if (value == "on" || value == "off") {
           options.constrain = value == "on" ? Constrain::on : Constrain::off;
         } else {
           unreadable(name, value, "`on`, `off` or `strict`");
         }
       }},
      {"device", [](auto& options, auto, auto value) { options.model.devices.emplace_back(value); }},
      {"mmproj", [](auto& options, auto, auto value) { options.model.media.mmproj = value; }},
      {"image_tokens", media(&MediaOptions::image_tokens)},
      {"most_media", media(&MediaOptions::most_media)},
      {"max_media_bytes", media(&MediaOptions::max_bytes)},
      {"max_pixels", media(&MediaOptions::max_pixels)},
      {"max_seconds", media(&MediaOptions::max_seconds)},
      {"draft", [](auto& options, auto, auto value) { options.draft = value; }},
      {"lora", [](auto& options, auto, auto value) { options.loras.push_back(lora_of(value)); }},
      {"kernels", [](auto& options, auto name, auto value) { options.model.kernels = kernels_of(name, value); }},
      {"gpu_layers", [](auto& options, auto name, auto value) { options.model.gpu_layers = read<int>(name, value); }},
  };
}

const Setters& setters() {
  static const auto table = [] {
    auto all = sampling_setters();
    all.merge(engine_setters());
    all.merge(model_setters());
    return all;
  }();
  return table;
}

}  // namespace

std::shared_ptr<LM> lm_from_uri(const LMUri& uri) {
  LlamaOptions options;
  for (const auto& [name, value] : uri.options) {
    const auto setter = setters().find(name);
    if (setter == setters().end()) unknown_option(name, setters());
    setter->second(options, name, value);
  }
  return std::make_shared<LlamaLM>(uri.path, std::move(options));
}

}  // namespace dspy::llama
