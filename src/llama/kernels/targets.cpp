#include "llama/kernels/target.hpp"

#include <cstdlib>
#include <string_view>
#include <vector>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace dspy::llama::kernels {

#ifdef __x86_64__
extern const Target target_avx512_vnni, target_avx512, target_avx2_vnni, target_avx2;
#elif defined(__aarch64__)
extern const Target target_neon_i8mm, target_neon_dotprod;
#endif

std::span<const Target> targets() {
  static const auto all = [] {
    std::vector<Target> here;
#ifdef __x86_64__
    const bool avx512 = __builtin_cpu_supports("x86-64-v4") != 0;
    const bool avx2 = __builtin_cpu_supports("x86-64-v3") != 0;
    if (avx512 && __builtin_cpu_supports("avx512vnni") != 0) here.push_back(target_avx512_vnni);
    if (avx2 && __builtin_cpu_supports("avxvnni") != 0) here.push_back(target_avx2_vnni);
    if (avx512) here.push_back(target_avx512);
    if (avx2) here.push_back(target_avx2);
#elif defined(__aarch64__)
    if ((::getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0) here.push_back(target_neon_i8mm);
    if ((::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) here.push_back(target_neon_dotprod);
#endif
    return here;
  }();
  return all;
}

const Target* chosen_target() {
  static const auto* const chosen = [] -> const Target* {
    const char* const wanted = std::getenv("DSPY_CPU");
    for (const auto& target : targets())
      if (!wanted || std::string_view(wanted) == target.name) return &target;
    return wanted && !targets().empty() ? &targets().front() : nullptr;
  }();
  return chosen;
}

}  // namespace dspy::llama::kernels
