#pragma once

#include "dspy/adapters/adapter.hpp"

namespace dspy {

/// Holds what was read to the signature's own validators, and adds what is computed from it.
/// Costs nothing where the signature has neither.
std::expected<Reading, Unreadable> hold_to_rules(const Signature& signature, std::expected<Reading, Unreadable> reading,
                                                 std::string_view completion);

}  // namespace dspy
