#include "llama/model/device_fault.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <span>
#include <utility>

namespace dspy::llama {
namespace {

// As CUDA, HIP, Vulkan, Metal and ggml word it.
constexpr std::array<std::string_view, 7> memory = {
    "out of memory",     "outofdevicememory",         "outofhostmemory",   "error_out_of_device_memory",
    "cudamalloc failed", "failed to allocate buffer", "unable to allocate"};
constexpr std::array<std::string_view, 8> lost = {"devicelost",      "device lost",    "device_lost",
                                                  "device was lost", "device removed", "unspecified launch failure",
                                                  "gpu has fallen",  "device is gone"};

bool says(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

}  // namespace

DeviceFault device_fault(std::string_view message) noexcept {
  const auto text = text::to_lower(message);
  if (says(text, lost)) return DeviceFault::lost;
  if (says(text, memory)) return DeviceFault::memory;
  return DeviceFault::none;
}

Error explained(const Error& error, const std::string& model, const std::string& placement) {
  auto info = error.info();
  info.model = model;
  switch (device_fault(error.what())) {
    case DeviceFault::none: break;
    case DeviceFault::memory:
      return Error(
          error.code(),
          std::format("`{}` ({}) has no room left on its device: {}; keep fewer layers there (gpu_layers), ask "
                      "for a smaller kv_tokens or context_length, or keep what is computed in the machine's "
                      "memory (kv_on_host=true)",
                      model, placement, error.what()),
          std::move(info));
    case DeviceFault::lost:
      return Error(error.code(),
                   std::format("the device of `{}` ({}) was lost: {}; see the system's log for the reason, and restart "
                               "the process, or run on the CPU (gpu_layers=0)",
                               model, placement, error.what()),
                   std::move(info));
  }
  return error;
}

}  // namespace dspy::llama
