#pragma once

#include "dspy/bulk/run.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dspy {

struct MergeOptions {
  bool partial = false;               ///< Also of a run whose shards have not all come to their ends.
  bool with_inputs = false;           ///< Puts each row's inputs beside its outputs; reads the inputs again.
  std::filesystem::path inputs = {};  ///< Where the inputs are now; empty: where they were.
};

struct MergeReport {
  std::uint64_t rows = 0;
  std::uint64_t failed = 0;   ///< Of them, those with an error.
  std::uint64_t missing = 0;  ///< Rows of the inputs without an answer; counted `with_inputs`.
};

/// Writes the rows of all shards into one file, in the order of the inputs: `.jsonl`, or `.csv` with a column a field.
/// Each row stands there once, as it was answered last.  Throws `Error`: `config_error` for a run that is not complete
/// (it names the shards) or inputs that have changed, `bad_input` for another ending, `io_error`.
MergeReport merge_bulk(const std::filesystem::path& run, const std::filesystem::path& to,
                       const MergeOptions& options = {});

/// How far a shard of a run is, as its folder says.
struct ShardStatus {
  std::size_t index = 0;
  std::string state = {};  ///< `absent`, `running`, `stopped` or `complete`; `lost` if nobody holds one that runs.
  BulkProgress progress = {};
  std::int64_t updated = 0;  ///< In seconds since 1970.
};

/// All shards of a run.  Throws `Error` (`config_error`).
std::vector<ShardStatus> bulk_status(const std::filesystem::path& run);

}  // namespace dspy
