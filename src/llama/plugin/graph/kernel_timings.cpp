#include "kernel_timings.hpp"

#include <cstdlib>
#include <system_error>

namespace dspy::llama::plugin {

std::filesystem::path kernel_timings() {
  std::filesystem::path folder;
  if (const char* const caches = std::getenv("XDG_CACHE_HOME"); caches && *caches == '/') {
    folder = caches;
  } else if (const char* const home = std::getenv("HOME"); home && *home == '/') {
    folder = std::filesystem::path(home) / ".cache";
  } else {
    return {};
  }
  folder /= "dspy";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return {};
  return folder / "kernels.tsv";
}

}  // namespace dspy::llama::plugin
