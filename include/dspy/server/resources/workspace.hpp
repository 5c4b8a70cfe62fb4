#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A file or folder of a workspace.
struct WorkspaceEntry {
  std::string id = {};  ///< Its name without the ending.
  std::filesystem::path path = {};
};

/// The folder in which a server keeps what is not in a database (docs/formats/workspace.md): `runs`, `datasets`,
/// `indexes`, …, and the same again for each tenant under `tenants/<tenant>`.
class Workspace {
 public:
  explicit Workspace(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const noexcept { return folder_; }
  /// A tenant's own folder.  Throws `Error` (`bad_input`) for a tenant that is not a name.
  std::filesystem::path of(std::string_view tenant) const;
  /// Where a tenant's thing of a kind lies, whether it is there or not.  Throws `Error` (`bad_input`) unless `id` is 1
  /// to 128 letters, digits, `-`, `_` and `.`, and does not begin with a `.`.
  std::filesystem::path path(std::string_view tenant, std::string_view kind, std::string_view id,
                             std::string_view ending) const;
  /// A tenant's things of a kind with this ending (of a file; empty: folders), by name.
  std::vector<WorkspaceEntry> list(std::string_view tenant, std::string_view kind, std::string_view ending) const;

 private:
  std::filesystem::path folder_;
};

/// Whether a name may be that of a file in a workspace.
bool is_entry_name(std::string_view name);

/// `$DSPY_DATA`, else `~/.local/share/dspy`.
std::filesystem::path default_workspace();

}  // namespace dspy::server
