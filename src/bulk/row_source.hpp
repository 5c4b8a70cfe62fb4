#pragma once

#include "dspy/base/json.hpp"
#include "dspy/bulk/shard.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

namespace dspy::bulk {

/// A row of the inputs, not yet taken apart.
struct InputRow {
  std::uint64_t at = 0;      ///< Where it is: its first byte in JSONL, else its number from 0.  Grows from row to row.
  std::uint64_t line = 0;    ///< On which it begins, from 1; 0 where that is not known.
  std::string text = {};     ///< The row as a JSON object; in JSONL the line verbatim.
  std::string problem = {};  ///< Why there is no text, as "has no end"; empty if there is.
};

/// The rows of one shard, in the file's order.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// False at the end.  Throws `Error` (`io_error`).
  virtual bool next(InputRow& row) = 0;
};

/// Opens JSONL, JSON, CSV or, where it was built with Arrow, Parquet: the file's ending says which.  With a signature,
/// cells of CSV take the types of its fields, and columns must be its inputs.  Throws `Error` (`io_error`, `bad_input`;
/// `invalid_parameter` for a rule that the format has not).
std::unique_ptr<RowSource> open_rows(const std::filesystem::path& path, const Signature* signature, const Shard& shard,
                                     const ShardRule& rule);

/// The row's values, or what is wrong with it, as "is not JSON".
std::expected<JsonObject, std::string> values_of(const InputRow& row);

/// For people: `the row on line 7`, or by its place where no line is known.
std::string name_of(const InputRow& row, const std::filesystem::path& inputs);

/// Tells one content of a row from another, quickly: `hash_bytes` of the text.
std::uint64_t sum_of(const InputRow& row) noexcept;

/// Tells whether two rows ask the same: JSON with the members of all objects in the order of their names.
std::string canonical_text(const JsonObject& values);

/// All rows of a Parquet file, in order.  Throws `Error` (`unsupported`) where the library was built without Arrow.
std::unique_ptr<RowSource> open_parquet(const std::filesystem::path& path);

}  // namespace dspy::bulk
