#pragma once

#include "dspy/base/json.hpp"

namespace dspy::mock {

/// A value that keeps `schema`, always the same one: `type`, `enum`, `const`, `properties`, `required`, `items`,
/// `prefixItems`, `anyOf`, `oneOf`, `allOf`, `$ref`, the limits of numbers, lengths of strings and arrays, and
/// `format`. A `pattern` is not kept.
Json value_for(const Json& schema);

}  // namespace dspy::mock
