#pragma once

#include <cstddef>

namespace dspy::test {

/// Of very many inputs a test tries every `thinning`-th: all of them, but under a sanitizer, where each takes some
/// thirty times longer, every tenth.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t thinning = 10;
#else
inline constexpr std::size_t thinning = 1;
#endif

}  // namespace dspy::test
