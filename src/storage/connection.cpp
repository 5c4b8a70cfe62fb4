#include "storage/connection.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <chrono>
#include <cstddef>
#include <format>
#include <system_error>

namespace dspy::storage {
namespace {

namespace fs = std::filesystem;

bool is_damage(int code) noexcept {
  return (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
}

std::string_view remedy(int code) noexcept {
  switch (code & 0xFF) {
    case SQLITE_FULL: return "the disk is full; free some space";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: return "name a folder that can be written";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another process holds it; end that process, or name another folder";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "the file is damaged; it is put aside when it is opened the next time";
    default: return "check the folder and the disk";
  }
}

Connection connect(const fs::path& path, const DatabaseOptions& options) {
  sqlite3* raw = nullptr;
  const int how = (options.is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                  SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = ::sqlite3_open_v2(path.c_str(), &raw, how, nullptr);
  Connection connection(raw);
  if (is_damage(code)) throw Damaged(::sqlite3_errstr(code));
  if (code != SQLITE_OK) fail(raw, code, path, options.purpose);
  ::sqlite3_busy_timeout(raw, 5'000);
  return connection;
}

class Setup {
 public:
  Setup(sqlite3* connection, const fs::path& path, const DatabaseOptions& options)
      : connection_(connection), path_(path), options_(options) {}

  void run() {
    ask("PRAGMA mmap_size=0");
    ask("PRAGMA foreign_keys=ON");
    if (!options_.is_read_only) {
      // Of a file that is there they change nothing, and would write to it, which waits for the disk.
      if (ask("PRAGMA page_count") == "0") {
        ask("PRAGMA page_size=8192");
        ask("PRAGMA auto_vacuum=INCREMENTAL");
      }
      if (ask("PRAGMA journal_mode=WAL") != "wal")
        throw Error(Errc::io_error,
                    std::format("the {} `{}` is on a file system that cannot have a write-ahead log, such as a network "
                                "folder; name one on this machine",
                                options_.purpose, path_.string()));
      ask("PRAGMA synchronous=NORMAL");
    }
    check();
    migrate();
  }

 private:
  void check() {
    std::error_code code;
    const auto size = fs::file_size(path_, code);
    if (code || size > options_.check_up_to_bytes) return;
    if (const auto found = ask("PRAGMA quick_check(1)"); found != "ok") throw Damaged(found);
    ::sqlite3_db_release_memory(connection_);  // the pages that it read
  }

  void migrate() {
    const auto newest = options_.migrations.size();
    if (newest == 0 || version() == newest) return;
    if (options_.is_read_only)
      throw Error(Errc::config_error, std::format("the {} `{}` is of another version of the library, and cannot be "
                                                  "changed; open it for writing once",
                                                  options_.purpose, path_.string()));
    // Another process may do the same.
    ask("BEGIN IMMEDIATE");
    try {
      const auto now = version();
      if (now > newest)
        throw Error(
            Errc::config_error,
            std::format("the {} `{}` was written by a newer version of the library ({} instead of {}); use that "
                        "one, or name another folder",
                        options_.purpose, path_.string(), now, newest));
      for (auto step = now; step < newest; ++step) ask(options_.migrations[step]);
      ask(std::format("PRAGMA user_version={}", newest));
      ask("COMMIT");
    } catch (...) {
      ::sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

  std::size_t version() { return static_cast<std::size_t>(std::stoull("0" + ask("PRAGMA user_version"))); }

  /// The first column of the last row.
  std::string ask(const std::string& sql) {
    std::string out;
    const auto keep = [](void* to, int count, char** values, char**) {
      if (count > 0 && values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
      return 0;
    };
    const int code = ::sqlite3_exec(connection_, sql.c_str(), keep, &out, nullptr);
    if (is_damage(code)) throw Damaged(::sqlite3_errmsg(connection_));
    if (code != SQLITE_OK) fail(connection_, code, path_, options_.purpose);
    return out;
  }

  sqlite3* connection_;
  const fs::path& path_;
  const DatabaseOptions& options_;
};

}  // namespace

void fail(sqlite3* connection, int code, const fs::path& path, std::string_view purpose) {
  throw Error(Errc::io_error,
              std::format("the {} `{}` cannot be used ({}); {}", purpose, path.string(),
                          connection != nullptr ? ::sqlite3_errmsg(connection) : ::sqlite3_errstr(code), remedy(code)));
}

void put_aside(const fs::path& path, std::string_view purpose, const std::string& reason) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto aside = path;
  aside += std::format(".corrupt-{:%Y%m%dT%H%M%SZ}", now);
  for (int number = 2; fs::exists(aside); ++number) {
    aside = path;
    aside += std::format(".corrupt-{:%Y%m%dT%H%M%SZ}-{}", now, number);
  }
  std::error_code code;
  fs::rename(path, aside, code);
  if (code)
    throw Error(Errc::io_error, std::format("the {} `{}` is damaged ({}) and cannot be put aside: {}; delete it",
                                            purpose, path.string(), reason, code.message()));
  for (const auto* const beside : {"-wal", "-shm"}) {
    auto from = path, to = aside;
    from += beside;
    to += beside;
    fs::rename(from, to, code);  // often missing
  }
  log(LogLevel::warning, "storage",
      std::format("the {} `{}` was damaged ({}); it was renamed to `{}`, and a new one was started", purpose,
                  path.string(), reason, aside.string()));
}

Connection opened(const fs::path& path, const DatabaseOptions& options) {
  auto connection = connect(path, options);
  Setup(connection.get(), path, options).run();
  return connection;
}

}  // namespace dspy::storage
