#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/bulk/shard.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A shard's files (docs/formats/bulk.md): complete parts that never change again, and the current one, to which each
// row is appended as soon as it is known.

namespace dspy::bulk {

enum class RowState : char {
  done = 'd',
  failed = 'f',  ///< It would fail again.
  again = 'a',   ///< It failed for a reason that passes.
};

/// What a row of output begins with, always in this form, so that it can be read without reading the rest.
struct RowHead {
  std::uint64_t at = 0;   ///< Of the input row.
  std::uint64_t sum = 0;  ///< The same.
  RowState state = RowState::done;

  bool operator==(const RowHead&) const = default;
};

/// Appends the row's line: the head, then `rest`, which is the inside of a JSON object.
void append_row(std::string& out, const RowHead& head, std::string_view rest);
/// The head of a line; nothing if it is not valid.  `rest`, if given, is set to what follows, from the first member's
/// quote to the closing brace.
std::optional<RowHead> row_head(std::string_view line, std::string_view* rest = nullptr);

std::filesystem::path shard_folder(const std::filesystem::path& run, std::size_t index);
/// The files of a shard in the order in which they were written.
std::vector<std::filesystem::path> part_files(const std::filesystem::path& folder);
/// Visits the whole lines of a part.  Throws `Error` (`io_error`).
void each_line(const std::filesystem::path& part, const std::function<void(std::string_view line)>& visit);

/// A shard's folder, which is this process's alone while this lives.
class PartFolder {
 public:
  /// Makes the folder, or takes up what a process that ended, or was killed, left there.  Throws `Error`
  /// (`config_error`) if another process has it, (`io_error`).
  PartFolder(std::filesystem::path folder, std::size_t part_rows, const Clock& clock);
  ~PartFolder();
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  /// The rows that are there: the last of each place, by place.
  const std::vector<RowHead>& rows() const noexcept { return rows_; }
  /// `line` ends in a line feed.  It survives the process at once, and a power cut about a second later.  Throws
  /// `Error` (`io_error`); the file then ends with the row before.
  void add(std::string_view line);
  /// The part that is being written is whole.
  void seal();
  const std::filesystem::path& path() const noexcept { return folder_; }

 private:
  void lock();
  void read();
  void read_open_part();
  void open_part();
  void sync();

  std::filesystem::path folder_;
  std::size_t part_rows_;
  const Clock& clock_;
  Clock::Time synced_;
  int lock_ = -1, file_ = -1;
  std::size_t parts_ = 0, open_rows_ = 0;
  std::uint64_t open_bytes_ = 0;
  std::vector<RowHead> rows_;
};

}  // namespace dspy::bulk
