#include "backends.hpp"

#include "dspy/base/error.hpp"
#include "guard.hpp"
#include "llama/kernels/target.hpp"

#include <dlfcn.h>
#include <ggml-backend.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::llama::plugin {
namespace {

struct Variant {
  std::string_view name;
  std::string_view library;  ///< As llama.cpp calls its backend for such a processor.
};
constexpr Variant variants[] = {{"avx2", "haswell"},
                                {"avx2_vnni", "alderlake"},
                                {"avx512", "skylakex"},
                                {"avx512_vnni", "icelake"},
                                {"amx", "sapphirerapids"}};

std::string_view wanted_processor() {
  const char* const wanted = std::getenv("DSPY_CPU");
  return wanted ? wanted : "";
}

bool is_here(std::string_view name) {
#ifdef __x86_64__
  if (name == "amx") return __builtin_cpu_supports("amx-int8") != 0;
#endif
  return std::ranges::any_of(kernels::targets(), [&](const kernels::Target& target) { return name == target.name; });
}

/// Debian keeps the backends in a folder below the one where libggml lies.
bool load_variant(std::string_view variant) {
  Dl_info library{};
  if (::dladdr(reinterpret_cast<const void*>(&ggml_backend_load_all), &library) == 0 || !library.dli_fname)
    return false;
  const auto wanted = "libggml-cpu-" + std::string(variant) + ".so";
  const auto folder = std::filesystem::path(library.dli_fname).parent_path() / "ggml";
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename() == wanted && ggml_backend_load(at->path().c_str())) return true;
  return false;
}

}  // namespace

void check_wanted_processor() {
  const auto wanted = wanted_processor();
  if (wanted.empty() || is_here(wanted)) return;
  std::string names = is_here("amx") ? "amx" : "";
  for (const auto& target : kernels::targets()) names += (names.empty() ? "" : ", ") + std::string(target.name);
  fail(Errc::config_error,
       "DSPY_CPU is `" + std::string(wanted) +
           "`, which this processor is not; unset it, or choose among: " + (names.empty() ? "none" : names));
}

void load_backends() {
  const auto wanted = wanted_processor();
  const auto* const variant = std::ranges::find(variants, wanted, &Variant::name);
  if (variant != std::ranges::end(variants) && load_variant(variant->library)) return;
  ggml_backend_load_all();
}

}  // namespace dspy::llama::plugin
