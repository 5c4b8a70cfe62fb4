#include "retrieve/remote/postgres/postgres_connection.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/tasks.hpp"
#include "retrieve/remote/postgres/sql_filter.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <libpq-fe.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::remote {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

struct Finish {
  void operator()(PGconn* connection) const noexcept { ::PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
struct Clear {
  void operator()(PGresult* result) const noexcept { ::PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;
struct FreeParts {
  void operator()(PQconninfoOption* parts) const noexcept { ::PQconninfoFree(parts); }
};
struct FreeText {
  void operator()(char* text) const noexcept { ::PQfreemem(text); }
};

constexpr std::size_t most_idle = 8;

}  // namespace

struct PostgresPool::Kept {
  Secret address;
  int attempts = 4;
  std::chrono::milliseconds patience{};
  std::mutex mutex;
  std::vector<Connection> idle;
};

namespace {

using Kept = std::shared_ptr<PostgresPool::Kept>;

/// One line, shortened.
std::string first_line(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  return std::string(text.substr(0, 300));
}

Errc code_of(std::string_view state) {
  if (state.starts_with("28") || state == "42501") return Errc::authentication_failed;
  const bool is_passing = state.starts_with("08") || state.starts_with("57P") || state.starts_with("53") ||
                          state.starts_with("40") || state == "55P03";
  if (is_passing) return Errc::unavailable;
  return state == "57014" ? Errc::timeout : Errc::backend_error;
}

[[noreturn]] void fail(const PGresult* result) {
  const auto* const state = ::PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const auto* const message = ::PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  throw Error(code_of(state == nullptr ? "" : state),
              std::format("the postgres server says: {} (SQLSTATE {})",
                          message == nullptr ? "nothing" : first_line(message), state == nullptr ? "unknown" : state),
              {.provider = "postgres"});
}

[[noreturn]] void lost() {
  throw Error(Errc::unavailable, "the connection to the postgres server was lost", {.provider = "postgres"});
}

/// What libpq cannot read never gets as far as a server.  Its message can quote a password, unless it is about a query
/// parameter.
void require_readable(const std::string& address) {
  char* said = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeParts> read(::PQconninfoParse(address.c_str(), &said));
  const std::unique_ptr<char, FreeText> owned(said);
  if (read) return;
  const auto reason = said == nullptr ? std::string() : std::string(first_line(said));
  const bool is_parameter = reason.contains("query parameter");
  throw Error(Errc::config_error,
              std::format("the URI of the postgres store cannot be read{}; after `?` it takes table, index, and what "
                          "libpq takes, such as sslmode",
                          is_parameter ? ": " + reason : std::string()),
              {.provider = "postgres"});
}

/// Host and port are told, the rest of the address is not.
Connection connected(const Secret& address) {
  const std::string text(address.reveal());
  require_readable(text);
  // libpq's messages name host, port, user and database, never the password.
  Connection connection(::PQconnectdb(text.c_str()));
  if (!connection) throw Error(Errc::unavailable, "libpq has no memory for a connection");
  if (::PQstatus(connection.get()) != CONNECTION_OK) {
    const auto said = first_line(::PQerrorMessage(connection.get()));
    const bool is_key = said.contains("authentication") || said.contains("password") || said.contains("role ");
    throw Error(is_key ? Errc::authentication_failed : Errc::unavailable,
                std::format("the postgres server cannot be reached: {}", said), {.provider = "postgres"});
  }
  ::PQsetnonblocking(connection.get(), 1);
  ::PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  // Without these an index gives fewer rows than were asked for where a filter leaves out many.  Older servers and
  // those without the extension take them as names of nobody.
  for (const auto* const setting : {"set hnsw.iterative_scan = strict_order", "set hnsw.ef_search = 100",
                                    "set ivfflat.iterative_scan = relaxed_order"})
    const Result done(::PQexec(connection.get(), setting));
  return connection;
}

Async<Connection> taken(Kept pool) {
  {
    const std::scoped_lock lock(pool->mutex);
    if (!pool->idle.empty()) {
      auto connection = std::move(pool->idle.back());
      pool->idle.pop_back();
      co_return connection;
    }
  }
  co_return co_await on_cpu([&] { return connected(pool->address); });
}

void give_back(const Kept& pool, Connection connection) {
  if (::PQtransactionStatus(connection.get()) != PQTRANS_IDLE) return;
  const std::scoped_lock lock(pool->mutex);
  if (pool->idle.size() < most_idle) pool->idle.push_back(std::move(connection));
}

/// Until the socket can be read, or written where `also_writes`; throws `Error` (`timeout`).
Async<void> ready(asio::posix::stream_descriptor& socket, bool also_writes, asio::steady_timer& end) {
  using namespace asio::experimental::awaitable_operators;
  using Wait = asio::posix::stream_descriptor;
  const auto read = [&] { return socket.async_wait(Wait::wait_read, asio::use_awaitable); };
  bool is_late = false;
  if (also_writes) {
    const auto first = co_await (read() || socket.async_wait(Wait::wait_write, asio::use_awaitable) ||
                                 end.async_wait(asio::use_awaitable));
    is_late = first.index() == 2;
  } else {
    is_late = (co_await (read() || end.async_wait(asio::use_awaitable))).index() == 1;
  }
  if (is_late) throw Error(Errc::timeout, "the postgres server did not answer in time", {.provider = "postgres"});
}

SqlRows rows_of(const PGresult* result) {
  SqlRows out;
  const auto count = ::PQntuples(result), columns = ::PQnfields(result);
  for (int row = 0; row < count; ++row) {
    auto& cells = out.rows.emplace_back();
    for (int column = 0; column < columns; ++column) {
      if (::PQgetisnull(result, row, column) != 0) {
        cells.emplace_back();
      } else {
        cells.emplace_back(std::in_place, ::PQgetvalue(result, row, column),
                           static_cast<std::size_t>(::PQgetlength(result, row, column)));
      }
    }
  }
  out.changed = static_cast<std::size_t>(std::strtoull(::PQcmdTuples(const_cast<PGresult*>(result)), nullptr,
                                                       10));  // NOLINT(cppcoreguidelines-pro-type-const-cast): reads it
  return out;
}

Async<SqlRows> answer(PGconn* connection, const std::string& statement, const SqlValues& values,
                      std::chrono::milliseconds patience) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(value.c_str());
  if (::PQsendQueryParams(connection, statement.c_str(), static_cast<int>(texts.size()), nullptr, texts.data(), nullptr,
                          nullptr, 0) == 0)
    lost();
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer end(executor, patience);
  // The descriptor closes what it is given, and libpq its own.
  asio::posix::stream_descriptor socket(executor, ::dup(::PQsocket(connection)));
  for (int left = ::PQflush(connection); left != 0; left = ::PQflush(connection)) {
    if (left < 0) lost();
    co_await ready(socket, true, end);
    if (::PQconsumeInput(connection) == 0) lost();
  }
  Result last;
  while (true) {
    while (::PQisBusy(connection) != 0) {
      co_await ready(socket, false, end);
      if (::PQconsumeInput(connection) == 0) lost();
    }
    Result next(::PQgetResult(connection));
    if (!next) break;
    last = std::move(next);
  }
  if (!last) lost();
  const auto status = ::PQresultStatus(last.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    if (::PQstatus(connection) != CONNECTION_OK) lost();
    fail(last.get());
  }
  co_return rows_of(last.get());
}

Async<SqlRows> ask_once(Kept pool, const std::string& statement, const SqlValues& values) {
  auto connection = co_await taken(pool);
  std::optional<Error> failure;
  try {
    auto rows = co_await answer(connection.get(), statement, values, pool->patience);
    give_back(pool, std::move(connection));
    co_return rows;
  } catch (const Error& error) {
    failure = error;
  }
  // A statement that failed leaves the connection usable; one that was given up does not.
  if (failure->code() != Errc::timeout && ::PQstatus(connection.get()) == CONNECTION_OK)
    give_back(pool, std::move(connection));
  throw Error(*failure);
}

}  // namespace

const std::string& SqlRows::cell(std::size_t row, std::size_t column) const {
  if (row >= rows.size() || column >= rows[row].size() || !rows[row][column])
    throw Error(Errc::backend_error, "the postgres server's answer lacks a value");
  return *rows[row][column];
}

PostgresPool::PostgresPool(Secret address, int attempts, std::chrono::milliseconds patience)
    : kept_(std::make_shared<Kept>()) {
  if (attempts < 1) throw Error(Errc::invalid_parameter, "a statement of 0 attempts is never sent; allow 1 or more");
  kept_->address = std::move(address);
  kept_->attempts = attempts;
  kept_->patience = patience;
}

PostgresPool::~PostgresPool() = default;

Async<SqlRows> ask_sql(std::shared_ptr<PostgresPool::Kept> pool, std::string statement, SqlValues values,
                       std::stop_token stop) {
  for (int attempt = 1;; ++attempt) {
    try {
      co_return co_await until(ask_once(pool, statement, values), stop);
    } catch (const Error& error) {
      if (attempt >= pool->attempts || !is_retryable(error.code())) throw;
    }
    co_await sleep(100ms * (1 << std::min(attempt, 6)), stop);
  }
}

}  // namespace dspy::remote
