#pragma once

#include <string>

namespace dspy::app {

/// Where the registry is unless something else is said: `$DSPY_REGISTRY` comes before it.
std::string default_registry();

}  // namespace dspy::app
