#include "llama/lora/lora_cache.hpp"

#include "dspy/base/error.hpp"
#include "llama/gguf/gguf.hpp"

#include <algorithm>
#include <cmath>
#include <format>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

void require_fit(const Gguf& gguf, const fs::path& file, const Model& model) {
  if (gguf.text("general.type") != "adapter" || gguf.text("adapter.type") != "lora")
    throw Error(Errc::model_load_error,
                std::format("`{}` is not a LoRA adapter (its `general.type` is `{}`); name a GGUF file that "
                            "convert_lora_to_gguf.py wrote",
                            file.string(), gguf.text("general.type").value_or("not set")),
                {.model = file.string()});
  const auto architecture = gguf.text("general.architecture").value_or("");
  if (architecture != model.info().architecture)
    throw Error(Errc::invalid_parameter,
                std::format("the LoRA adapter `{}` was made for `{}` models and `{}` is a `{}`; use one that was made "
                            "for this model",
                            file.string(), architecture, model.name(), model.info().architecture),
                {.model = model.name()});
}

}  // namespace

LoraSet LoraCache::load(const Model& model, std::span<const Lora> loras) {
  LoraSet set;
  // The order decides how sums are rounded.
  std::vector<Lora> ordered(loras.begin(), loras.end());
  std::ranges::sort(ordered, {}, &Lora::file);
  for (const auto& [file, scale] : ordered) {
    if (!std::isfinite(scale))
      throw Error(Errc::invalid_parameter,
                  std::format("the scale of the LoRA adapter `{}` is not a number; 1 is full strength", file.string()));
    auto adapter = load(model, file);
    if (scale != 0) set.emplace_back(std::move(adapter), static_cast<float>(scale));
  }
  return set;
}

// The lock is held while a file is read, so that each is read once.
std::shared_ptr<RuntimeLora> LoraCache::load(const Model& model, const fs::path& file) {
  std::error_code error;
  const auto path = fs::weakly_canonical(file, error);
  const std::lock_guard lock(mutex_);
  if (const auto found = loaded_.find(path); found != loaded_.end()) return found->second;
  if (!fs::exists(file, error))
    throw Error(Errc::model_not_found, std::format("there is no LoRA adapter `{}`; name a GGUF file", file.string()),
                {.model = file.string()});
  require_fit(read_gguf(file), file, model);
  try {
    return loaded_[path] = model.handle().load_adapter(file.string());
  } catch (const Error& reason) {
    throw Error(Errc::invalid_parameter,
                std::format("the LoRA adapter `{}` does not fit `{}`: {}; use one that was made for this model",
                            file.string(), model.name(), reason.what()),
                {.model = model.name()});
  }
}

}  // namespace dspy::llama
