#pragma once

#include "bulk/row_source.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::bulk {

/// The file that a run's rows are merged into: there when it is whole, and not before.
class MergedFile {
 public:
  /// Throws `Error` (`bad_input`) for an ending that is neither .jsonl nor .csv, (`io_error`).
  MergedFile(std::filesystem::path path, std::vector<std::string> columns);
  ~MergedFile();
  MergedFile(const MergedFile&) = delete;
  MergedFile& operator=(const MergedFile&) = delete;

  /// `rest` is the inside of a row's JSON object, `at` its place in the inputs.
  void add(std::uint64_t at, std::string_view rest, const InputRow* input);
  /// Moves the file to its place.  Throws `Error` (`io_error`).
  void finish();

 private:
  void add_cells(std::uint64_t at, std::string_view rest, const InputRow* input);

  std::filesystem::path path_, draft_;
  std::vector<std::string> columns_;
  bool is_csv_ = false;
  std::ofstream out_;
  std::string line_;
};

}  // namespace dspy::bulk
