#include "adapter.hpp"

#include "guard.hpp"

#include <llama.h>

namespace dspy::llama::plugin {
namespace {

struct FreeAdapter {
  void operator()(llama_adapter_lora* adapter) const { llama_adapter_lora_free(adapter); }
};

class LibllamaAdapter final : public RuntimeLora {
 public:
  explicit LibllamaAdapter(llama_adapter_lora* adapter) : adapter_(adapter) {}

  llama_adapter_lora* handle() const { return adapter_.get(); }

 private:
  std::unique_ptr<llama_adapter_lora, FreeAdapter> adapter_;
};

}  // namespace

std::unique_ptr<RuntimeLora> load_adapter(llama_model* model, const std::string& path) {
  std::string errors;
  auto* const adapter = guarded(Errc::model_load_error, "the LoRA adapter could not be loaded", errors,
                                [&] { return llama_adapter_lora_init(model, path.c_str()); });
  if (!adapter) fail(Errc::model_load_error, errors.empty() ? "the inference library gave no reason" : errors);
  return std::make_unique<LibllamaAdapter>(adapter);
}

llama_adapter_lora* handle_of(RuntimeLora& adapter) {
  return static_cast<LibllamaAdapter&>(adapter).handle();
}

}  // namespace dspy::llama::plugin
