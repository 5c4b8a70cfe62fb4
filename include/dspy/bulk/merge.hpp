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
  bool with_inputs = false;           ///< Includes each row's inputs with its outputs; reads the inputs again.
  std::filesystem::path inputs = {};  ///< Where the inputs are now; empty: where they were.
};

struct MergeReport {
  std::uint64_t rows = 0;
  std::uint64_t failed = 0;  ///< Of them, those with an error.
  /// Rows without an answer: `with_inputs` all of the inputs', else those that a shard once had and that are gone.
  std::uint64_t missing = 0;
};

/// Writes the rows of all shards into one file, in the order of the inputs: `.jsonl`, or `.csv` with one column per
/// field.  Each row is there once, with its last answer and its position in the inputs (`at`).  Throws `Error`:
/// `config_error` for a run that is not complete or lacks rows (it names the shards and how many) or inputs that have
/// changed, `bad_input` for another ending and for a `to` that is the inputs' file or one of the run's own, `io_error`.
MergeReport merge_bulk(const std::filesystem::path& run, const std::filesystem::path& to,
                       const MergeOptions& options = {});

/// How far a shard of a run is, by the rows that lie in its folder.
struct ShardStatus {
  std::size_t index = 0;
  /// `absent`, `running`, `stopped` or `complete`; `lost` if the process of a running one is gone, `damaged` if a
  /// complete one lacks rows.
  std::string state = {};
  std::uint64_t rows = 0;      ///< On the disk, those below included.
  std::uint64_t failed = 0;    ///< Of them, those with an error that would come again.
  std::uint64_t again = 0;     ///< Of them, those with an error that passes.
  std::uint64_t expected = 0;  ///< Rows of a finished shard; 0: not finished.
  BulkProgress progress = {};  ///< What the process that had it last said.
  std::int64_t updated = 0;    ///< In seconds since 1970.
};

/// All shards of a run.  Throws `Error` (`config_error`; `io_error` for a part that is damaged).
std::vector<ShardStatus> bulk_status(const std::filesystem::path& run);

}  // namespace dspy
