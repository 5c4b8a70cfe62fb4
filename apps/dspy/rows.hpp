#pragma once

#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

// The rows of a dataset with the lines on which they begin.

namespace dspy::app {

struct Row {
  std::size_t line = 1;
  JsonObject values = {};
  std::string problem = {};  ///< Why there are no values; empty if there are.
};

/// Visits the rows of a file in order: JSONL (an object a line), JSON (a list of objects) or CSV
/// (RFC 4180, with a header; a cell takes the type of its field, and an empty one is absent unless
/// the field is text).  The format is the file's ending.  Throws `Error` if the file as a whole
/// cannot be read.
void each_row(const std::filesystem::path& path, const Signature& signature, const std::function<void(Row row)>& visit);

}  // namespace dspy::app
