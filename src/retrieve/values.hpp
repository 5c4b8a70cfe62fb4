#pragma once

#include "dspy/base/json.hpp"

#include <compare>
#include <string>

// How the values that filters compare are ordered.

namespace dspy {

/// Numbers exactly, whether whole or not; texts byte by byte; false before true; null equals null.  Unordered where the
/// kinds differ, and for lists and objects.
std::partial_ordering compare_values(const Json& a, const Json& b);

/// Bytes that are in the order of the values within a kind, and equal where these are equal: the value in an index. The
/// first byte is the kind.  Empty for lists and objects.
std::string value_key(const Json& value);

constexpr char text_kind = 4;

}  // namespace dspy
