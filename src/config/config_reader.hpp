#pragma once

#include "dspy/config/config.hpp"

#include <string_view>

namespace dspy {

/// Reads TOML; this and `Place` are all that know the library for it.
class ConfigReader {
 public:
  static Config read(std::string_view text, std::string_view name, std::string_view profile);
};

}  // namespace dspy
