#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "retrieve/remote/postgres/sql_filter.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::remote {

/// The rows of an answer; a cell that is null is nothing.
struct SqlRows {
  std::vector<std::vector<std::optional<std::string>>> rows = {};
  std::size_t changed = 0;  ///< Rows that a statement wrote or removed.

  const std::string& cell(std::size_t row, std::size_t column) const;
};

/// Connections to one PostgreSQL server, made when they are needed and kept for the next statement.  Calls may overlap
/// and come from any thread.
class PostgresPool {
 public:
  /// `address` is libpq's: a URI or `name=value` pairs; it may hold a password and gets into no message.
  PostgresPool(Secret address, int attempts, std::chrono::milliseconds patience);
  ~PostgresPool();
  PostgresPool(const PostgresPool&) = delete;
  PostgresPool& operator=(const PostgresPool&) = delete;

  struct Kept;  ///< What a call needs of the pool, which it may outlive.
  std::shared_ptr<Kept> kept() const { return kept_; }

 private:
  std::shared_ptr<Kept> kept_;
};

/// Runs one statement, again where it may succeed a little later.  Throws `Error`: `unavailable`, `timeout`,
/// `authentication_failed`, `cancelled`, or `backend_error` with what the server says and its SQLSTATE.
Async<SqlRows> ask_sql(std::shared_ptr<PostgresPool::Kept> pool, std::string statement, SqlValues values,
                       std::stop_token stop = {});

}  // namespace dspy::remote
