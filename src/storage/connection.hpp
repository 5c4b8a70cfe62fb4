#pragma once

#include "dspy/storage/database.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace dspy::storage {

/// The file cannot be trusted.
struct Damaged {
  std::string reason;
};

struct CloseConnection {
  void operator()(sqlite3* connection) const noexcept { ::sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

/// Throws the `Error` for an SQLite error code.
[[noreturn]] void fail(sqlite3* connection, int code, const std::filesystem::path& path, std::string_view purpose);

/// A connection to a file that was checked and has all migrations.  Throws `Damaged` as well.
Connection opened(const std::filesystem::path& path, const DatabaseOptions& options);

/// Renames a file and SQLite's companion files.
void put_aside(const std::filesystem::path& path, std::string_view purpose, const std::string& reason);

}  // namespace dspy::storage
