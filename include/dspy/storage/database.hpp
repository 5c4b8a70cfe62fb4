#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// SQLite, opened the same way everywhere: a write-ahead log, so readers and one writer do not wait for each other; a
// busy timeout of five seconds; numbered migrations; and a damaged file is never read.

namespace dspy::storage {

struct DatabaseOptions {
  /// Scripts of SQL.  A new file gets all of them; one that has had the first `n` gets the rest.
  std::vector<std::string> migrations = {};
  /// What the file is to people, such as `cache`.
  std::string purpose = "database";
  bool is_read_only = false;
  /// For reproducible data, such as a cache: a file that is damaged, or not a database, is renamed to
  /// `<name>.corrupt-<time>`, with a log message, and a new one is started.  Otherwise it is an error, and nothing is
  /// touched.
  bool replaces_damaged = false;
  /// A file up to this size is checked through when it is opened.
  std::uintmax_t check_up_to_bytes = 64U << 20;
};

class Database;

/// A statement that is prepared once and run often.  Belongs to one thread at a time.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  /// From 1.
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, std::optional<std::int64_t> value);
  Statement& bind_text(int at, std::string_view value);
  Statement& bind_bytes(int at, std::string_view value);

  /// True if there is a row.  Throws `Error` (`io_error`).
  bool step();
  /// Ready to be run again; what is bound stays.
  void reset() noexcept;
  /// Runs it to its end, and resets it.  How many rows it changed.
  std::size_t run();

  // Of the row, from 0.
  std::int64_t integer(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;
  /// Valid until the next step.
  std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Impl;
  explicit Statement(std::unique_ptr<Impl> impl) noexcept;

  std::unique_ptr<Impl> impl_;
};

/// One connection to a file.  Belongs to one thread at a time; open as many as there are readers, and one writer.
class Database {
 public:
  /// Opens or makes the file, and its folder.  Throws `Error` (`io_error`) if the file cannot be opened or written, is
  /// damaged or no database (but see `replaces_damaged`), and `config_error` if it is of a newer version of the
  /// library.
  explicit Database(const std::filesystem::path& path, const DatabaseOptions& options = {});
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  Statement prepare(std::string_view sql);
  void execute(std::string_view sql);
  /// All of `work`, or nothing of it if it throws.
  void transaction(const std::function<void()>& work);
  const std::filesystem::path& path() const noexcept;

 private:
  struct Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::storage
