#pragma once

#include "dspy/programs/program_file.hpp"
#include "dspy/registry/semantic_version.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The origin of a version.
struct Lineage {
  JsonObject optimizer = {};         ///< Its name, options and seed.
  std::string data = {};             ///< What it was optimized on, such as a digest of the dataset.
  std::optional<double> score = {};  ///< The metric's mean on the validation set.
  std::string metric = {};
  std::uint64_t examples = 0;
  std::uint64_t requests = 0;  ///< What finding it took.
  std::uint64_t tokens = 0;
};

/// A program under a name and a number.
struct ProgramVersion {
  std::string name = {};
  std::int64_t number = 0;  ///< From 1.
  SemanticVersion version = {};
  std::string digest = {};  ///< SHA-256 of the file's text.
  std::optional<std::int64_t> parent = {};
  Lineage lineage = {};
  std::chrono::system_clock::time_point created_at = {};
};

/// Something that was done, and is never taken back.
struct RegistryEvent {
  std::string alias = {};  ///< Empty: a version was added.
  std::optional<std::int64_t> from = {};
  std::optional<std::int64_t> to = {};
  std::string reason = {};
  std::chrono::system_clock::time_point at = {};
};

/// Optimized programs with their history, in one SQLite file that several processes may share.  Programs are kept by
/// their content: the same program is the same version.  Versions and events are only ever added; aliases such as
/// `production` are moved.  For one thread at a time.
class Registry {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;

  /// Opens or makes the file.  Throws `Error` (`io_error`).
  explicit Registry(const std::filesystem::path& path, Now now = {});
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Adds a version, or returns the one that has the same content.  Its semantic version follows from how inputs and
  /// outputs differ from the parent's (the newest version, unless one is named).  Throws `Error` (`bad_input`) for a
  /// name that is not letters, digits, `-`, `_` and `.`.
  ProgramVersion add(const std::string& name, const ProgramFile& program, const Lineage& lineage = {},
                     std::optional<std::int64_t> parent = {});

  std::vector<std::string> names() const;
  /// Oldest first.
  std::vector<ProgramVersion> versions(const std::string& name) const;
  /// `name` (the newest), `name:3`, `name:1.2.0` or `name@production`.  Throws `Error` (`bad_input`) that says what
  /// there is.
  ProgramVersion find(std::string_view reference) const;
  /// The program, whose content is checked.  Throws `Error` (`io_error`) if it is not what was added.
  ProgramFile load(const ProgramVersion& version) const;

  std::optional<std::int64_t> alias(const std::string& name, const std::string& alias) const;
  std::vector<std::pair<std::string, std::int64_t>> aliases(const std::string& name) const;
  /// Moves an alias from the version that it is expected to name, or makes it where nothing is expected.  Throws
  /// `Error` (`config_error`) if somebody else has moved it meanwhile, and says where.
  void move_alias(const std::string& name, const std::string& alias, std::optional<std::int64_t> expected,
                  std::int64_t to, const std::string& reason = {});
  /// Moves an alias back to the version that it named `steps` moves before.  Returns that.
  std::int64_t rollback(const std::string& name, const std::string& alias, int steps = 1,
                        const std::string& reason = "rollback");
  /// Oldest first.
  std::vector<RegistryEvent> history(const std::string& name) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dspy
