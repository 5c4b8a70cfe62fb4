#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/bulk/run.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/programs/program.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The batch APIs of providers: requests that are answered within a day, at half the price.  A program runs as usual,
// over a transport that answers from received replies and collects the requests without a reply.  So any program can be
// run in batches, round by round, one request of each row after another.

namespace dspy {

/// One batch at a provider.
struct SubmittedBatch {
  std::string id = {};
  /// `submitting` if it is unknown whether the provider has it, `submitted`, `collected`, `failed`, or `forgotten`.
  std::string state = {};
  std::string requests = {};  ///< The file of its requests, in the folder.
  std::uint64_t count = 0;
  std::string said = {};  ///< What the provider last said of it.
};

struct BatchReport {
  BulkReport rows = {};                      ///< Of the run with the replies there are.
  std::vector<SubmittedBatch> batches = {};  ///< All of the folder, oldest first.
  std::uint64_t waiting = 0;                 ///< Requests in batches that are not collected.
  std::uint64_t unsent = 0;                  ///< Requests in no batch: another `submit` sends them.
};

struct ProviderBatchOptions {
  std::size_t max_requests = 50'000;                ///< In one batch.
  std::size_t max_bytes = std::size_t{16} << 20;    ///< The same of its requests.
  std::shared_ptr<http::Transport> transport = {};  ///< Null: `http::default_transport()`.
  std::size_t concurrency = 64;                     ///< Of rows that are run on replies.
  bool submits_again = false;  ///< Give up batches that the provider may not have, or does not have any more.
};

/// The LM of a model string such as `openai/gpt-5.4-mini`, over `transport`, without anything around it: caches,
/// retries and limits have no place where a reply takes hours.  An empty key is that of the environment.  Throws
/// `Error`
/// (`config_error`) for a model that no provider has.
std::shared_ptr<LM> provider_lm(std::string_view model, Secret key, std::shared_ptr<http::Transport> transport);

/// The program is made with the transport it is given: `make_program` sets it on its provider's LM.
using MakeProgram = std::function<Program(std::shared_ptr<http::Transport> transport)>;

/// Batches of a program over a file of rows, in the run's folder `job.out` (docs/guide/bulk_runs.md).  Its results are
/// merged as those of any run.  Each call may be killed, and made again.  Not thread-safe.
class BatchRun {
 public:
  /// `lm` is called once, to learn the provider's address and credentials.  Throws `Error` (`config_error`) if another
  /// process is working on the folder.
  BatchRun(MakeProgram make_program, BulkJob job, ProviderBatchOptions options = {});
  ~BatchRun();
  BatchRun(const BatchRun&) = delete;
  BatchRun& operator=(const BatchRun&) = delete;

  /// Runs the rows on the received replies, and sends the requests without a reply.
  BatchReport submit();
  /// Asks the provider how far the batches are.
  BatchReport status();
  /// Fetches the replies of batches that are done, and runs the rows on them.
  BatchReport collect();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy
