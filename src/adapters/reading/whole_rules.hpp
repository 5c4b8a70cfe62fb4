#pragma once

#include "dspy/adapters/adapter.hpp"

namespace dspy {

/// True if the signature has validators or computed fields of its own.
bool has_whole_rules(const Signature& signature) noexcept;

/// Holds what was read to the signature's own validators, and adds what is computed from it.
std::expected<Reading, Unreadable> hold_to_rules(const Signature& signature, Reading reading,
                                                 std::string_view completion);

}  // namespace dspy
