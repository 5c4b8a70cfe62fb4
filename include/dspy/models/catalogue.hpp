#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::models {

/// A model that has a short name.
struct CatalogueEntry {
  std::string name = {};
  std::string source = {};   ///< As `parse_source` reads it; not another name of the catalogue.
  std::string license = {};  ///< SPDX, or the name that its makers give it; empty: as the source says.
  std::string about = {};    ///< A few words.
  std::string sha256 = {};   ///< Of the file, where the source is one file; empty: as the source says.
  std::optional<std::uint64_t> bytes = {};

  bool operator==(const CatalogueEntry&) const = default;
};

/// Names of models.  A value.
class Catalogue {
 public:
  /// The built-in entries.
  static Catalogue built_in();
  /// The same, and those of the user's file (`default_path`, if it is there), whose entries replace ours of the same
  /// name.  Throws what `read` throws.
  static Catalogue of_user();
  /// `$DSPY_CATALOGUE`, else `$XDG_CONFIG_HOME/dspy/models.toml` (`~/.config/…`).  Empty if none of these is set.
  static std::filesystem::path default_path();

  /// Adds what a file says: TOML, with a table `[models.NAME]` for each, or JSON, with an object `models`; members
  /// as in `CatalogueEntry`.  Throws `Error`: `io_error`; `config_error` with the file, the entry and the member at
  /// fault.
  void read(const std::filesystem::path& file);
  /// The same of a text; `is_json`: else TOML.  `file` is for messages.
  void read_text(std::string_view text, bool is_json, const std::filesystem::path& file);
  void add(CatalogueEntry entry);

  const CatalogueEntry* find(std::string_view name) const noexcept;
  /// By name.
  const std::vector<CatalogueEntry>& entries() const noexcept { return entries_; }

 private:
  std::vector<CatalogueEntry> entries_;
};

}  // namespace dspy::models
