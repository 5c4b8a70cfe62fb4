#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::remote {

/// The values of a statement's parameters, `$1` first, as PostgreSQL reads them from text.
using SqlValues = std::vector<std::string>;

/// Adds a value; returns what stands for it in the statement, such as `$3`.
std::string placed(SqlValues& values, std::string value);

/// The condition that a filter is, over a table with `id`, `text`, `source` (texts) and `metadata` (jsonb).  It is true
/// or false, never null; names and values are parameters, not part of the text.
std::string sql_filter(const Filter& filter, SqlValues& values);

/// A vector as pgvector writes it: `[0.5,-1]`.
std::string vector_text(const std::vector<float>& vector);
/// The reverse.  Throws `Error` (`backend_error`) for what is not a vector.
std::vector<float> vector_of_text(std::string_view text);

/// Throws `Error` (`invalid_parameter`), with `where` in it, for a text with a zero byte, which PostgreSQL cannot keep.
void require_no_zero_byte(std::string_view text, std::string_view where);
void require_no_zero_byte(const Json& value, std::string_view where);

}  // namespace dspy::remote
