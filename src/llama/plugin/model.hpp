#pragma once

#include "graph/products.hpp"
#include "llama/model/runtime.hpp"

#include <memory>

struct llama_model;

namespace dspy::llama::plugin {

std::unique_ptr<RuntimeModel> load(const RuntimeLoadOptions& options);

/// `model` must outlive the context.  Without `products`, all kernels are the library's.
std::unique_ptr<RuntimeContext> make_context(llama_model* model, const RuntimeContextOptions& options,
                                             std::shared_ptr<const Products> products);

}  // namespace dspy::llama::plugin
