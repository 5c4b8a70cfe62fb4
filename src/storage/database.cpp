#include "dspy/storage/database.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <sqlite3.h>

#include <chrono>
#include <format>
#include <system_error>
#include <utility>

namespace dspy::storage {
namespace {

namespace fs = std::filesystem;

/// Before it, a checkpoint and a write at the same time could damage a file (fixed in 3.51.3).
constexpr int oldest_version = 3'051'003;

/// The file cannot be trusted.
struct Damaged {
  std::string reason;
};

struct CloseConnection {
  void operator()(sqlite3* connection) const noexcept { ::sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

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
    case SQLITE_LOCKED: return "another process holds it; end that, or name another folder";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "the file is damaged; it is put aside when it is opened the next time";
    default: return "check the folder and the disk";
  }
}

[[noreturn]] void fail(sqlite3* connection, int code, const fs::path& path, std::string_view purpose) {
  throw Error(Errc::io_error,
              std::format("the {} `{}` cannot be used ({}); {}", purpose, path.string(),
                          connection != nullptr ? ::sqlite3_errmsg(connection) : ::sqlite3_errstr(code), remedy(code)));
}

/// A file and what SQLite keeps beside it get another name.
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
    fs::rename(from, to, code);  // often there is none
  }
  log(LogLevel::warning, "storage",
      std::format("the {} `{}` was damaged ({}); it is now `{}`, and a new one is begun", purpose, path.string(),
                  reason, aside.string()));
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
      ask("PRAGMA page_size=8192");
      ask("PRAGMA auto_vacuum=INCREMENTAL");
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
  }

  void migrate() {
    const auto newest = options_.migrations.size();
    if (version() == newest) return;
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

Connection opened(const fs::path& path, const DatabaseOptions& options) {
  auto connection = connect(path, options);
  Setup(connection.get(), path, options).run();
  return connection;
}

}  // namespace

struct Database::Impl {
  fs::path path;
  std::string purpose;
  Connection connection;
};

struct Statement::Impl {
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { ::sqlite3_finalize(statement); }
  };

  fs::path path;
  std::string purpose;
  std::unique_ptr<sqlite3_stmt, Finalize> statement;

  sqlite3* connection() const noexcept { return ::sqlite3_db_handle(statement.get()); }
  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
      fail(connection(), code, path, purpose);
  }
};

Statement::Statement(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Statement::Statement(Statement&& other) noexcept = default;
Statement& Statement::operator=(Statement&& other) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::bind(int at, std::int64_t value) {
  impl_->check(::sqlite3_bind_int64(impl_->statement.get(), at, value));
  return *this;
}

Statement& Statement::bind(int at, std::optional<std::int64_t> value) {
  if (value) return bind(at, *value);
  impl_->check(::sqlite3_bind_null(impl_->statement.get(), at));
  return *this;
}

Statement& Statement::bind_text(int at, std::string_view value) {
  impl_->check(
      ::sqlite3_bind_text64(impl_->statement.get(), at, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_bytes(int at, std::string_view value) {
  impl_->check(::sqlite3_bind_blob64(impl_->statement.get(), at, value.data(), value.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = ::sqlite3_step(impl_->statement.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    const auto error = attempt([&] { impl_->check(code); });
    reset();
    throw Error(error.error());
  }
  return code == SQLITE_ROW;
}

void Statement::reset() noexcept {
  ::sqlite3_reset(impl_->statement.get());
}

std::size_t Statement::run() {
  while (step()) {
  }
  const auto changes = static_cast<std::size_t>(::sqlite3_changes64(impl_->connection()));
  reset();
  return changes;
}

std::int64_t Statement::integer(int column) const {
  return ::sqlite3_column_int64(impl_->statement.get(), column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (::sqlite3_column_type(impl_->statement.get(), column) == SQLITE_NULL) return {};
  return integer(column);
}

std::string_view Statement::bytes(int column) const {
  const auto* const from = static_cast<const char*>(::sqlite3_column_blob(impl_->statement.get(), column));
  const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(impl_->statement.get(), column));
  return from == nullptr ? std::string_view() : std::string_view(from, size);
}

Database::Database(const fs::path& path, const DatabaseOptions& options)
    : impl_(std::make_unique<Impl>(Impl{path, options.purpose, nullptr})) {
  if (::sqlite3_libversion_number() < oldest_version)
    throw Error(Errc::config_error,
                std::format("SQLite {} can damage files; version 3.51.3 or newer is needed", ::sqlite3_libversion()));
  std::error_code code;
  if (!options.is_read_only && path.has_parent_path()) fs::create_directories(path.parent_path(), code);
  if (code)
    throw Error(Errc::io_error, std::format("the folder `{}` of the {} cannot be made: {}; name another one",
                                            path.parent_path().string(), options.purpose, code.message()));
  try {
    impl_->connection = opened(path, options);
  } catch (const Damaged& damage) {
    if (options.is_read_only)
      throw Error(Errc::io_error,
                  std::format("the {} `{}` is damaged: {}", options.purpose, path.string(), damage.reason));
    put_aside(path, options.purpose, damage.reason);
    impl_->connection = opened(path, options);
  }
}

Database::Database(Database&& other) noexcept = default;
Database& Database::operator=(Database&& other) noexcept = default;
Database::~Database() = default;

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = ::sqlite3_prepare_v3(impl_->connection.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) fail(impl_->connection.get(), code, impl_->path, impl_->purpose);
  return Statement(std::unique_ptr<Statement::Impl>(
      new Statement::Impl{impl_->path, impl_->purpose, std::unique_ptr<sqlite3_stmt, Statement::Impl::Finalize>(raw)}));
}

void Database::execute(std::string_view sql) {
  const int code = ::sqlite3_exec(impl_->connection.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(impl_->connection.get(), code, impl_->path, impl_->purpose);
}

void Database::transaction(const std::function<void()>& work) {
  execute("BEGIN IMMEDIATE");
  try {
    work();
    execute("COMMIT");
  } catch (...) {
    ::sqlite3_exec(impl_->connection.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

const fs::path& Database::path() const noexcept {
  return impl_->path;
}

}  // namespace dspy::storage
