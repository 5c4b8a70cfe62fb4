#pragma once

#include "dspy/optimize/tuning/rag_tuning.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What the trials of a journal depend on, as a hash: documents, questions, models and options.
std::string rag_fingerprint(const std::filesystem::path& folder, const std::vector<RagQuestion>& questions,
                            const RagTuningOptions& options);

/// The trials of a tuning in a file, a line each, so that a tuning that was stopped goes on.  Without a path nothing is
/// written.
class RagJournal {
 public:
  /// Reads the trials there are; a line that was cut off by a killed process is removed.  Throws `Error`
  /// (`config_error`) if the file is not a journal, or one of another tuning.
  RagJournal(std::filesystem::path path, std::string fingerprint);

  /// The trial of a setting, if it was made; else null.
  const RagTrial* find(const RagSetting& setting) const;
  /// Throws `Error` (`io_error`) if it cannot be written.
  void add(const RagTrial& trial);

 private:
  void read(std::string_view line);

  std::filesystem::path path_;
  std::string fingerprint_;
  std::vector<RagTrial> trials_;
};

}  // namespace dspy
