#pragma once

#include "bulk/batch/batch_api.hpp"
#include "dspy/bulk/batch/batch.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace dspy::bulk {

/// A batch, and what is needed to ask for it again.
struct KeptBatch : SubmittedBatch {
  std::string url = {};   ///< Of its requests when they go alone.
  std::string mark = {};  ///< What the provider was told.
};

/// What is kept of a run's batches: which there are, their requests, and the replies that came.  This process's alone
/// while it lives.
class BatchFolder {
 public:
  /// Throws `Error` (`config_error`) if another process has it, or it cannot be read, (`io_error`).
  explicit BatchFolder(std::filesystem::path folder);
  ~BatchFolder();
  BatchFolder(const BatchFolder&) = delete;
  BatchFolder& operator=(const BatchFolder&) = delete;

  std::vector<KeptBatch>& batches() noexcept { return batches_; }
  /// Writes what `batches` says, whole or not at all.
  void save() const;
  /// Writes the requests of a new batch; its file's name.
  std::string write_requests(const std::vector<BatchItem>& items) const;
  /// Keys of requests in batches that may still bring replies.
  std::set<std::string> waiting() const;
  void each_reply(const std::function<void(BatchAnswer answer)>& visit) const;
  void add_replies(const std::vector<BatchAnswer>& answers) const;

 private:
  void read();

  std::filesystem::path folder_;
  int lock_ = -1;
  std::vector<KeptBatch> batches_;
};

}  // namespace dspy::bulk
