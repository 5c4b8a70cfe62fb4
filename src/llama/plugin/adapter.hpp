#pragma once

#include "llama/model/runtime.hpp"

#include <memory>
#include <string>

struct llama_adapter_lora;
struct llama_model;

namespace dspy::llama::plugin {

/// `model` must outlive the adapter.
std::unique_ptr<RuntimeLora> load_adapter(llama_model* model, const std::string& path);

llama_adapter_lora* handle_of(RuntimeLora& adapter);

}  // namespace dspy::llama::plugin
