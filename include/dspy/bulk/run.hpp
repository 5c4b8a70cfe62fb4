#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/bulk/shard.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace dspy {

/// How far a shard is.
struct BulkProgress {
  std::uint64_t rows = 0;     ///< Finished by this process.
  std::uint64_t resumed = 0;  ///< Finished before, and not asked again.
  std::uint64_t failed = 0;   ///< Of both, those with an error that would come again.
  std::uint64_t again = 0;    ///< Of this process, those with an error that passes; `resume` asks them again.
  Usage usage = {};           ///< Of this process.
  double seconds = 0;
};

struct BulkOptions {
  Shard shard = {};
  std::optional<ShardRule> rule = {};  ///< Unset: `ShardRule::usual`.
  /// Resume a shard that was started.  Without it, a shard that has rows is an error.
  bool resume = false;
  bool retry_failed = false;                   ///< With `resume`: also retry permanent failures.
  std::size_t concurrency = 32;                ///< Rows under way at once.  At least 1.
  std::size_t part_rows = 10'000;              ///< Rows in a part file.  At least 1.
  std::uint64_t max_rows = 0;                  ///< End after so many rows of this process; 0: all.
  std::optional<std::size_t> max_errors = {};  ///< After this many failed rows, no more are started.
  CallOptions call = {};                       ///< For each row.
  /// Told on the calling thread, at most every `progress_every`, and at the end.
  std::function<void(const BulkProgress&)> progress = {};
  std::chrono::milliseconds progress_every{1'000};
  const Clock* clock = &Clock::real();
};

/// What is run.
struct BulkJob {
  Signature signature = {};           ///< Inputs and outputs of the program.
  std::string version = {};           ///< Tells this program, with its model and options, from any other.
  std::filesystem::path inputs = {};  ///< `.jsonl`, `.json`, `.csv` or `.parquet`.
  std::filesystem::path out = {};     ///< The run's folder, the same for all shards.
};

struct BulkReport : BulkProgress {
  bool is_complete = false;           ///< All rows of the shard have an answer, or an error that would come again.
  std::optional<Error> stopped = {};  ///< Why not all rows were asked.
};

/// Runs `program` on the rows of one shard, and writes its answers to the run's folder (docs/formats/bulk.md).  Safe to
/// kill at any moment: with `resume` the same call continues, and an answered row is never run again.
///
/// A failing row does not affect the others.  An error that every row would hit (no key, no credit, no model) ends the
/// run.  Throws `Error`: `invalid_parameter` for options out of range, `config_error` for the folder of another run, a
/// shard that another process has or that needs `resume`, and inputs that have changed, `io_error`.
BulkReport run_bulk(const Program& program, const BulkJob& job, const BulkOptions& options = {});

/// Tells a row of a program from any other: SHA-256 of the program's version and the row's values, whatever the order
/// of their names.
std::string idempotency_key(std::string_view version, const JsonObject& values);

/// Whether asking again later may bring an answer: for all but faults of the row or the program.
bool passes(Errc code) noexcept;
/// Whether no other row would fare better.
bool ends_all(Errc code) noexcept;

}  // namespace dspy
