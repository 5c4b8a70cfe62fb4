#pragma once

#include "dspy/base/json.hpp"
#include "dspy/evaluate/metric.hpp"

#include <optional>
#include <string_view>

namespace dspy::optimize {

/// Null for nothing.
template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

/// Throws `Error` (`config_error`) without one.
void require_metric(std::string_view optimizer, const Metric& metric);

}  // namespace dspy::optimize
