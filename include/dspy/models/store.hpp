#pragma once

#include "dspy/base/json.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::models {

/// A file of a model that was fetched.
struct KeptFile {
  std::string name = {};
  std::uint64_t bytes = 0;
  std::string sha256 = {};
  std::string etag = {};      ///< What its server called these bytes; empty: nothing.
  std::string modified = {};  ///< When they were last changed, as the server said.

  bool operator==(const KeptFile&) const = default;
};

/// A model that was fetched: a folder of its own, with its files and `model.json`, which says this.
struct KeptModel {
  std::string name = {};
  std::string source = {};    ///< As `parse_source` reads it.
  std::string revision = {};  ///< The commit or digest that the source had, where it says.
  std::string license = {};   ///< As its source says; empty: it does not.
  std::string pulled = {};    ///< When, RFC 3339.
  std::vector<KeptFile> files = {};
  std::filesystem::path folder = {};

  std::uint64_t bytes() const noexcept;
  /// What a model pool loads: the first file that is not an image or audio part.
  std::filesystem::path main_file() const;

  bool operator==(const KeptModel&) const = default;
};

JsonObject to_json(const KeptModel& model);

/// The folder of models that were fetched.  A value; several processes may use one folder.
class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The first folder in `$DSPY_MODELS`, else `$XDG_DATA_HOME/dspy/models` (`~/.local/share/…`).  Throws `Error`
  /// (`config_error`) where none of these is set.
  static std::filesystem::path default_folder();

  const std::filesystem::path& folder() const noexcept { return folder_; }
  /// By name.  A folder whose `model.json` cannot be read is an `Error` (`io_error`, `config_error`) that names it.
  std::vector<KeptModel> list() const;
  std::optional<KeptModel> find(std::string_view name) const;
  /// Deletes a model's files, what is half fetched of it, and its folder, if nothing else is in that.  Throws `Error`:
  /// `model_not_found`; `io_error`.
  void remove(std::string_view name) const;
  /// Writes `model.json`.
  void keep(const KeptModel& model) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace dspy::models
