// Configuration files that somebody wrote: read, or refused with a place in them.

#include "dspy/config/config.hpp"

#include "dspy/base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto config = dspy::Config::parse(std::string_view(reinterpret_cast<const char*>(data), size));
    for (const auto& [unused, lm] : config.lms()) {
      if (dspy::Config::uri(lm).empty()) std::abort();
    }
  } catch (const dspy::Error& error) {
    if (error.code() != dspy::Errc::config_error) std::abort();
  }
  return 0;
}
