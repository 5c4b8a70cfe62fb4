#pragma once

#include "llama/model/runtime.hpp"

#include <string>
#include <vector>

namespace dspy::llama::plugin {

std::vector<std::string> quantizations();
void quantize(const RuntimeQuantizeOptions& options);

}  // namespace dspy::llama::plugin
