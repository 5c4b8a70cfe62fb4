#pragma once

#include <cstdint>
#include <string_view>

namespace dspy {

/// A hash of `bytes` in 64 bits, the same on every machine: for tables, and for noticing that bytes on a disk have
/// changed by accident.  Not against an adversary; that is what `sha256` is for.  Several bytes per nanosecond.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept;

}  // namespace dspy
