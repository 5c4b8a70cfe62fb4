#include "bulk/queue/redis_client.hpp"

#include "dspy/base/error.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::bulk {
namespace {

constexpr auto answer_time = std::chrono::seconds(10);
constexpr auto first_pause = std::chrono::milliseconds(20), longest_pause = std::chrono::milliseconds(1'000);

}  // namespace

RedisClient::RedisClient(std::string_view url, std::string what, std::chrono::milliseconds outage, Ask prepare)
    : address_(storage::RedisAddress::parse(url, what + (what.ends_with('s') ? "' server" : "'s server"))),
      what_(std::move(what)),
      outage_(outage),
      prepare_(std::move(prepare)) {}

storage::RespValue RedisClient::ask(const Ask& ask) {
  const std::lock_guard lock(mutex_);
  const auto end = std::chrono::steady_clock::now() + outage_;
  auto pause = first_pause;
  while (true) {
    try {
      const auto deadline = std::chrono::steady_clock::now() + answer_time;
      if (connection_ == nullptr) {
        auto connection = std::make_unique<storage::RedisConnection>(address_, deadline);
        if (prepare_) prepare_(*connection, deadline);
        connection_ = std::move(connection);
      }
      return ask(*connection_, deadline);
    } catch (const Error& error) {
      connection_.reset();
      if (error.code() != Errc::io_error) throw;
      if (std::chrono::steady_clock::now() + pause > end)
        throw Error(Errc::io_error, std::format("the server of {}, {}, was gone for {} s, so work stops here; start "
                                                "again when it is back: {}",
                                                what_, address_.origin(), outage_.count() / 1000, error.what()));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, longest_pause);
  }
}

const std::vector<storage::RespValue>& list_of(const storage::RespValue& value) {
  if (value.kind != storage::RespValue::Kind::list)
    throw Error(Errc::io_error,
                "the server answered a script with something else than a list; is it Redis 6.2 or "
                "newer, or Valkey?");
  return value.list;
}

}  // namespace dspy::bulk
