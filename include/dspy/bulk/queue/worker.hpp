#pragma once

#include "dspy/bulk/queue/row_queue.hpp"
#include "dspy/bulk/run.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace dspy {

struct WorkerOptions {
  std::size_t concurrency = 32;         ///< Rows under way at once.  At least 1.
  std::uint64_t max_deliveries = 5;     ///< A row that was handed out more often is set aside.  At least 1.
  bool until_empty = false;             ///< End when no row is left, instead of waiting for more.
  std::chrono::milliseconds poll{100};  ///< How often an empty queue is asked.
  CallOptions call = {};                ///< For each row; its stop ends the worker after the rows under way.
  std::function<void(const BulkProgress&)> progress = {};
  std::chrono::milliseconds progress_every{1'000};
};

/// Runs `program` on rows of a queue until it is stopped.  Each row is processed at least once and answered exactly
/// once: an answered row is not run again, and a second answer is dropped.
///
/// A row that fails permanently is published with its error; one that fails temporarily is delivered again later, and
/// set aside after `max_deliveries`.  An error that every row would hit ends the worker, whose rows go to others.
/// Throws `Error` (`invalid_parameter`), and what the queue throws when it is unreachable: then nothing is lost.
BulkReport run_worker(const Program& program, const std::string& version, RowQueue& queue,
                      const WorkerOptions& options = {});

}  // namespace dspy
