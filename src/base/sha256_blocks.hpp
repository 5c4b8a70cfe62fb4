#pragma once

#include <array>
#include <cstdint>
#include <string_view>

// The compression function of SHA-256, which takes nearly all of a digest's time.

namespace dspy::sha256_blocks {

using State = std::array<std::uint32_t, 8>;
/// Takes blocks of 64 bytes into the state.
using Absorb = void (*)(State& state, std::string_view blocks) noexcept;

void absorb_portably(State& state, std::string_view blocks) noexcept;
/// Uses the processor's SHA instructions; null if it has none.
Absorb absorb_natively() noexcept;

}  // namespace dspy::sha256_blocks
