#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"

#include <filesystem>
#include <vector>

namespace dspy {

/// The file of an evaluation's finished rows: a line that says what is evaluated, and a line a row.
class Checkpoint {
 public:
  /// Opens or creates the file.  `header` identifies the evaluation; that of another evaluation is an `Error`
  /// (`config_error`), as is a file that another process has open.  An incomplete last line is dropped; a file with
  /// other unreadable lines is kept under another name, and its intact lines are used.
  Checkpoint(std::filesystem::path path, const JsonObject& header, CheckpointSync sync, const Clock& clock);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  /// The rows that were in the file, in its order.
  const std::vector<JsonObject>& rows() const noexcept { return rows_; }

  /// Throws `Error` (`io_error`) if a row could not be written; the file then ends with the row before.
  void add(const JsonObject& row);
  /// Sees to it that all rows are on the disk.
  void sync();

 private:
  void open();
  void read(const JsonObject& header);
  void write(std::string_view bytes);

  std::filesystem::path path_;
  CheckpointSync sync_;
  const Clock& clock_;
  int file_ = -1;
  std::uintmax_t size_ = 0;
  Clock::Time synced_;
  bool is_synced_ = true;
  std::vector<JsonObject> rows_;
};

}  // namespace dspy
