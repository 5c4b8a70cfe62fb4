#include "dspy/bulk/queue/fleet_rollouts.hpp"

#include "bulk/queue/redis_client.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/bulk/run.hpp"
#include "dspy/optimize/kernel/backend.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <chrono>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using bulk::list_of;
using storage::Deadline;
using storage::RedisConnection;
using storage::RespValue;
using SteadyClock = std::chrono::steady_clock;

/// What is behind an id in a stream: ids and fields.  KEYS: the stream.  ARGV: the last id that was read, how many.
constexpr std::string_view read_script = R"(
local out = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
  local fields = {}
  for n = 1, #entry[2], 2 do fields[entry[2][n]] = entry[2][n + 1] end
  out[#out + 1] = entry[1]
  out[#out + 1] = fields['key'] or ''
  out[#out + 1] = fields['row'] or ''
  out[#out + 1] = fields['why'] or ''
end
return out)";

/// The result of a run: its rollout, or the reason why there is none.
struct Answer {
  optimize::Rollout rollout = {};
  std::optional<Error> error = {};
};

/// The queue as one search sees it.  Thread-safe.
class Fleet {
 public:
  Fleet(std::string_view url, FleetRolloutOptions options)
      : options_(std::move(options)), client_(url, "the queue", options_.outage) {}

  const FleetRolloutOptions& options() const noexcept { return options_; }

  void put(const std::string& key, const JsonObject& row) {
    {
      const std::scoped_lock lock(mutex_);
      wanted_.insert(key);
      heard_ = SteadyClock::now();
      const auto known = answers_.find(key);
      if (known != answers_.end() && !known->second->error) return;
      if (known != answers_.end()) answers_.erase(known);  // it is tried again
    }
    const auto text = to_text(row);
    client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"XADD", options_.name, "*", "row", text}, deadline);
    });
  }

  /// Null while there is none.  It is kept: another search in this process may need it too.
  std::shared_ptr<const Answer> take(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = answers_.find(key);
    if (found == answers_.end()) return nullptr;
    wanted_.erase(key);
    return found->second;
  }

  /// Reads what was answered since, unless somebody has just done so.
  void look() {
    const std::unique_lock looking(looking_, std::try_to_lock);
    if (!looking || SteadyClock::now() - looked_ < options_.poll) return;
    while (read(options_.name + ":out", last_answer_, false)) {
    }
    while (read(options_.name + ":dead", last_dead_, true)) {
    }
    is_first_look_ = false;
    looked_ = SteadyClock::now();
    const std::scoped_lock lock(mutex_);
    if (looked_ - heard_ > options_.stall && !wanted_.empty()) {
      throw Error(
          Errc::unavailable,
          std::format("no worker of the queue `{}` answered for {} s; start one with `dspy worker PROGRAM --queue "
                      "… --name {} --rollouts`, and go on from the checkpoint",
                      options_.name, options_.stall.count(), options_.name));
    }
  }

 private:
  /// Whether there may be more.
  bool read(const std::string& stream, std::string& last, bool is_dead) {
    const auto count = std::to_string(options_.batch);
    const auto found = client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"EVAL", read_script, "1", stream, last, count}, deadline);
    });
    const auto& list = list_of(found);
    for (std::size_t i = 0; i + 3 < list.size(); i += 4) {
      last = list[i].text;
      keep(is_dead ? dead(list[i + 2], list[i + 3]) : answered(list[i + 1], list[i + 2]), is_dead);
    }
    return list.size() / 4 >= options_.batch;
  }

  static std::pair<std::string, Answer> answered(const RespValue& key, const RespValue& text) {
    Answer answer;
    try {
      auto row = parse_json(text.text);
      if (!row || !row->is_object()) throw Error(Errc::config_error, "a worker's answer is not a JSON object");
      answer.rollout = bulk::rollout_of(row->get_object());
    } catch (const Error& error) {
      answer.error = error;
    }
    return {key.text, std::move(answer)};
  }

  static std::pair<std::string, Answer> dead(const RespValue& text, const RespValue& why) {
    auto row = parse_json(text.text);
    if (!row || !row->is_object()) return {};
    return {idempotency_key(rollout_version, row->get_object()),
            {.error = Error(Errc::unavailable, std::format("a run was set aside by the workers: {}", why.text))}};
  }

  /// Unexpected answers are from earlier searches; a later run of this one may need them.  Rows that were set aside
  /// before are tried again.
  void keep(std::pair<std::string, Answer> found, bool is_dead) {
    if (found.first.empty() || (is_dead && is_first_look_)) return;
    const std::scoped_lock lock(mutex_);
    if (wanted_.contains(found.first)) heard_ = SteadyClock::now();
    answers_.insert_or_assign(std::move(found.first), std::make_shared<const Answer>(std::move(found.second)));
  }

  FleetRolloutOptions options_;
  bulk::RedisClient client_;
  std::mutex looking_, mutex_;
  SteadyClock::time_point looked_ = {}, heard_ = {};
  std::string last_answer_ = "0", last_dead_ = "0";
  bool is_first_look_ = true;
  std::map<std::string, std::shared_ptr<const Answer>> answers_;
  std::set<std::string> wanted_;
};

Async<optimize::Rollout> run_elsewhere(std::shared_ptr<Fleet> fleet, optimize::RolloutRequest request) {
  const auto row = bulk::to_row(request);
  const auto key = idempotency_key(rollout_version, row);
  co_await on_cpu([&] {
    fleet->look();  // it may have been answered for a search that was killed
    fleet->put(key, row);
  });
  while (true) {
    if (const auto answer = fleet->take(key)) {
      if (answer->error) throw *answer->error;
      co_return answer->rollout;
    }
    co_await sleep(fleet->options().poll, request.stop);
    co_await on_cpu([&] { fleet->look(); });
  }
}

class RedisRollouts final : public optimize::RolloutBackend {
 public:
  RedisRollouts(std::string_view url, FleetRolloutOptions options)
      : fleet_(std::make_shared<Fleet>(url, std::move(options))) {}

  Async<optimize::Rollout> run(optimize::RolloutRequest request) override {
    return run_elsewhere(fleet_, std::move(request));
  }

 private:
  std::shared_ptr<Fleet> fleet_;
};

}  // namespace

std::shared_ptr<optimize::RolloutBackend> redis_rollouts(std::string_view url, FleetRolloutOptions options) {
  return std::make_shared<RedisRollouts>(url, std::move(options));
}

}  // namespace dspy
