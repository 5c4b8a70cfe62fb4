#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>

namespace dspy::json_schema {

/// The size of a schema that this library wrote.
struct SchemaSize {
  std::size_t properties = 0;
  std::size_t levels = 0;
  std::size_t choices = 0;
  std::size_t characters = 0;  ///< In names and choices.
};

SchemaSize size_of(const JsonObject& schema);

/// Those of the definitions under `$defs` that refer to themselves, also through others.
std::set<std::string, std::less<>> recursive_names(const JsonObject& defs);

}  // namespace dspy::json_schema
