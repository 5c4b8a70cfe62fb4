#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A dataset of a workspace: `datasets/<name>.jsonl`, one object per line.  A change replaces the whole file, and is
/// recorded in `<name>.edits` with the previous content.  Changes are mutually exclusive, also between processes.
class DatasetFile {
 public:
  /// Throws `Error` (`bad_input`) for an invalid name.  The file need not exist yet.
  DatasetFile(const Workspace& workspace, const std::string& tenant, const std::string& name);

  bool exists() const;
  /// Throws `HttpError` (404) if it is not there, `Error` (`io_error`) if it cannot be read, (`bad_input`) that names
  /// the line of a row which is not an object.
  std::vector<JsonObject> rows() const;

  /// Each tells `who` changed it in the journal.  A row that is not there is an `Error` (`bad_input`).
  std::size_t add(JsonObject row, const std::string& who);
  void add(std::vector<JsonObject> more, const std::string& who);
  /// `expected` is what the row was, where the caller says; another one is an `HttpError` (409).
  void edit(std::size_t row, const JsonObject& values, const JsonObject* expected, const std::string& who);
  void set(std::size_t row, const std::string& field, const Json& value, const std::string& who);
  void remove(std::size_t row, const std::string& who);

 private:
  void change(bool may_begin, const std::function<JsonObject(std::vector<JsonObject>& rows)>& work,
              const std::string& who);

  std::string name_;
  std::filesystem::path path_, journal_, lock_;
};

/// The rows of a text: JSONL, or a JSON list if `format` is `json`.  Throws `Error` (`bad_input`) that names the line.
std::vector<JsonObject> parse_rows(std::string_view text, std::string_view format);

}  // namespace dspy::server
