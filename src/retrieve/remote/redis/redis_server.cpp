#include "retrieve/remote/redis/redis_server.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <format>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::remote {
namespace {

namespace asio = boost::asio;
using storage::RespValue;
using Answers = std::vector<RespValue>;

/// Threads that wait for Redis servers, whose client blocks.
asio::thread_pool& waiters() {
  static asio::thread_pool pool(4);
  return pool;
}

bool has_any(std::string_view told, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return told.contains(word); });
}

Error error_of(const RedisServer& server, std::string_view told) {
  const auto origin = server.address.origin();
  const auto says = std::format("the Redis server {} says: {}", origin, told.substr(0, 300));
  if (has_any(told, {"WRONGPASS", "NOAUTH", "NOPERM", "invalid password"}))
    return {Errc::authentication_failed, says, {.provider = "redis"}};
  if (has_any(told, {"unknown command", "Unknown command"}))
    return {Errc::config_error,
            std::format("the Redis server {} has no search; use Redis 8 or later, or load its search module", origin),
            {.provider = "redis"}};
  const bool may_pass = has_any(told, {"LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "OOM",
                                       "MISCONF", "max number of clients", "Timeout limit"});
  return {may_pass ? Errc::unavailable : Errc::refused, says, {.provider = "redis"}};
}

/// Throws for the first error in the answers; `EXEC` has some one level down.
void check(const RedisServer& server, const Answers& answers, std::string_view fine_error) {
  for (const auto& each : answers) {
    if (each.kind == RespValue::Kind::error && (fine_error.empty() || !each.text.contains(fine_error)))
      throw error_of(server, each.text);
    if (each.kind == RespValue::Kind::list) check(server, each.list, fine_error);
  }
}

Answers ask_blocking(RedisServer& server, const std::vector<RedisCommand>& commands) {
  const auto deadline = std::chrono::steady_clock::now() + server.patience;
  std::unique_ptr<storage::RedisConnection> connection;
  {
    const std::scoped_lock lock(server.mutex);
    if (!server.idle.empty()) {
      connection = std::move(server.idle.back());
      server.idle.pop_back();
    }
  }
  try {
    if (!connection) connection = std::make_unique<storage::RedisConnection>(server.address, deadline);
    auto answers = connection->ask_all(commands, deadline);
    const std::scoped_lock lock(server.mutex);
    server.idle.push_back(std::move(connection));
    return answers;
  } catch (const Error& error) {
    if (error.code() == Errc::io_error) throw Error(Errc::unavailable, error.what(), {.provider = "redis"});
    if (!std::string_view(error.what()).contains(" says: ")) throw;  // it is not the server's own
    throw error_of(server, error.what());
  }
}

/// As `on_cpu`, on a thread that may wait.
Async<Answers> ask_once(std::shared_ptr<RedisServer> server, const std::vector<RedisCommand>& commands) {
  std::exception_ptr failure;
  Answers answers;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        asio::post(waiters(), [&, executor, handler = std::move(handler)]() mutable {
          try {
            answers = ask_blocking(*server, commands);
          } catch (...) {
            failure = std::current_exception();
          }
          asio::post(executor, std::move(handler));
        });
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
  co_return answers;
}

}  // namespace

Async<Answers> ask_redis(std::shared_ptr<RedisServer> server, std::vector<RedisCommand> commands, std::stop_token stop,
                         std::string fine_error) {
  for (int attempt = 1;; ++attempt) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
    try {
      auto answers = co_await ask_once(server, commands);
      check(*server, answers, fine_error);
      co_return answers;
    } catch (const Error& error) {
      if (attempt >= server->attempts || !is_retryable(error.code())) throw;
    }
    co_await sleep(std::chrono::milliseconds(100 << std::min(attempt, 6)), stop);
  }
}

}  // namespace dspy::remote
