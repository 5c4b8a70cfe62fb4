#pragma once

#include <string>

namespace dspy::server {

/// 32 hexadecimal digits that nobody can guess, from the system.
std::string random_id();

}  // namespace dspy::server
