#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::optimize {

/// The checkpoint of a long run: a file of JSON objects, one a line, that only grows (docs/formats/checkpoint.md).
/// Each line ends in a checksum of itself, and is written in one piece: a process that is killed leaves whole lines,
/// and at most one more that is cut, which is taken off when the file is opened again.
///
/// Thread-safe.  One process at a time has a file open.
class Journal {
 public:
  /// Opens or begins the file.  `run` says what run it belongs to; `records` becomes what it holds.
  ///
  /// Damaged lines are skipped: a copy of the whole file is kept next to it as `<name>.damaged-<n>`, and the other
  /// lines are used (`note` says so), unless the first is damaged, since then their run is unknown.  Throws `Error`:
  /// `config_error` for the file of another run, or one that another process has open; `io_error`.
  Journal(const std::filesystem::path& path, const JsonObject& run, bool is_durable);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Adds a line.  With `is_durable` it is on the disk when this returns.  Throws `Error` (`io_error`), and then the
  /// file ends with the line before.
  void append(const JsonObject& record);

  /// The file's records when it was opened, in order, without the line of the run.
  std::vector<JsonObject> take_records() noexcept { return std::move(records_); }
  const std::string& note() const noexcept { return note_; }

 private:
  void quarantine(std::string_view text, std::string_view good, const std::vector<std::size_t>& damaged);

  std::filesystem::path path_;
  bool is_durable_;
  std::mutex mutex_;
  int file_ = -1;
  long long size_ = 0;
  std::vector<JsonObject> records_;
  std::string note_;
};

}  // namespace dspy::optimize
