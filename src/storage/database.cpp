#include "dspy/storage/database.hpp"

#include "dspy/base/error.hpp"
#include "storage/connection.hpp"

#include <sqlite3.h>

#include <format>
#include <system_error>
#include <utility>

namespace dspy::storage {
namespace {

namespace fs = std::filesystem;

/// Before it, a checkpoint and a write at the same time could damage a file (fixed in 3.51.3).
constexpr int oldest_version = 3'051'003;

}  // namespace

struct Database::Impl {
  fs::path path;
  std::string purpose;
  Connection connection;
};

struct Statement::Impl {
  struct Finalize {
    void operator()(sqlite3_stmt* done) const noexcept { ::sqlite3_finalize(done); }
  };

  fs::path path;
  std::string purpose;
  std::unique_ptr<sqlite3_stmt, Finalize> statement;

  sqlite3* connection() const noexcept { return ::sqlite3_db_handle(statement.get()); }
  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) fail(connection(), code, path, purpose);
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
    throw Error(Errc::io_error, std::format("the folder `{}` of the {} cannot be created: {}; name another one",
                                            path.parent_path().string(), options.purpose, code.message()));
  try {
    impl_->connection = opened(path, options);
  } catch (const Damaged& damage) {
    if (options.is_read_only || !options.replaces_damaged)
      throw Error(Errc::io_error,
                  std::format("the {} `{}` is damaged, or no {}: {}; name another file, or bring back a "
                              "copy of it",
                              options.purpose, path.string(), options.purpose, damage.reason));
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
