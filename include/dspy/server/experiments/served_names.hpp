#pragma once

#include "dspy/server/resources/workspace.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace dspy::server {

/// What a process serves, told to other processes that use the same workspace: `served/<id>.json`, which counts while
/// `served/<id>.lock` is held (docs/formats/workspace.md).  Not thread-safe.
class ServedNames {
 public:
  /// Takes away what processes left that have ended.  Throws `Error` (`io_error`).
  explicit ServedNames(const Workspace& workspace);
  ~ServedNames();
  ServedNames(const ServedNames&) = delete;
  ServedNames& operator=(const ServedNames&) = delete;

  /// Writes them if they are others than before.  Throws `Error` (`io_error`).
  void tell(std::set<std::string> programs);

 private:
  class Held;

  std::filesystem::path file_;
  std::unique_ptr<Held> held_;
  std::optional<std::set<std::string>> told_;
};

/// The programs that are served from this workspace now; nothing if no process serves from it.
std::optional<std::set<std::string>> served_names(const Workspace& workspace);

}  // namespace dspy::server
