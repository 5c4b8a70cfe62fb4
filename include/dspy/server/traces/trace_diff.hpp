#pragma once

#include "dspy/base/json.hpp"

namespace dspy::server {

/// How two whole traces differ (as `TraceStore::get` gives them): `{"a", "b", "seconds", "cost"?, "tokens"?, "inputs",
/// "outputs", "spans"}`.  Values that differ stand as `{"field", "a"?, "b"?}`; spans are paired by kind and path in
/// their order, each with `change`: `same`, `changed`, `only_a` or `only_b`.
JsonObject trace_diff(const JsonObject& a, const JsonObject& b);

}  // namespace dspy::server
