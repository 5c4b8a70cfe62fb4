#pragma once

#include <string>

namespace dspy::server {

/// 32 unguessable hexadecimal digits from the system's generator.
std::string random_id();

}  // namespace dspy::server
