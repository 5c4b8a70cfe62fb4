#include "bulk/queue/redis_client.hpp"
#include "dspy/bulk/queue/row_queue.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <random>
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

// Each script is one step for the server, so that no worker sees half of it.  KEYS: the stream, its answers, the keys
// that were answered, what was set aside.

/// Abandoned rows, then new ones: ids, delivery counts, and texts.  ARGV: group, consumer, idle milliseconds, count.
constexpr std::string_view take_script = R"(
local out = {}
local function add(entries)
  for i = 1, #entries do
    local entry = entries[i]
    local row = ''
    if entry and entry[2] then
      for n = 1, #entry[2], 2 do if entry[2][n] == 'row' then row = entry[2][n + 1] end end
      local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
      out[#out + 1] = entry[1]
      out[#out + 1] = tostring(pending[1] and pending[1][4] or 1)
      out[#out + 1] = row
    end
  end
end
local count = tonumber(ARGV[4])
add(redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0', 'COUNT', count)[2])
if #out / 3 < count then
  local new = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count - #out / 3, 'STREAMS', KEYS[1], '>')
  if new then add(new[1][2]) end
end
return out)";

/// The ids that are another's by now.  ARGV: group, consumer, ids with spaces between them.
constexpr std::string_view keep_script = R"(
local lost = {}
for id in string.gmatch(ARGV[3], '%S+') do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  else
    lost[#lost + 1] = id
  end
end
return lost)";

/// ARGV: group, id, key, answer; an empty answer only takes the row off.
constexpr std::string_view finish_script = R"(
local first = 0
if ARGV[4] ~= '' then
  first = redis.call('HSETNX', KEYS[3], ARGV[3], ARGV[2])
  if first == 1 then
    redis.call('XADD', KEYS[2], '*', 'key', ARGV[3], 'row', ARGV[4])
  elseif redis.call('HGET', KEYS[3], ARGV[3]) == ARGV[2] then
    first = 1
  end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return first)";

/// ARGV: group, id, text, why, deliveries.  One that was buried before is not buried twice.
constexpr std::string_view bury_script = R"(
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'row', ARGV[3], 'why', ARGV[4], 'deliveries', ARGV[5])
end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]))";

/// ARGV: group.
constexpr std::string_view group_script = R"(
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
return 1)";

std::string own_name() {
  std::array<char, 256> host = {};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return std::format("{}-{}-{:08x}", host.data(), ::getpid(), std::random_device{}());
}

class RedisQueue final : public RowQueue {
 public:
  RedisQueue(std::string_view url, RedisQueueOptions options)
      : options_(std::move(options)),
        out_(options_.name + ":out"),
        done_(options_.name + ":done"),
        dead_(options_.name + ":dead"),
        client_(url, "the queue", options_.outage, [this](RedisConnection& connection, Deadline deadline) {
          make_group(connection, deadline);
          return RespValue();
        }) {
    if (options_.consumer.empty()) options_.consumer = own_name();
    idle_ = std::to_string(options_.patience.count());
  }

  std::vector<QueuedRow> take(std::size_t count) override {
    const auto wanted = std::to_string(count);
    const auto found = client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"EVAL", take_script, "1", options_.name, options_.group, options_.consumer, idle_, wanted},
                            deadline);
    });
    const auto& list = list_of(found);
    std::vector<QueuedRow> out;
    for (std::size_t i = 0; i + 2 < list.size(); i += 3)
      out.push_back({.id = list[i].text, .text = list[i + 2].text, .deliveries = std::stoull(list[i + 1].text)});
    return out;
  }

  std::vector<std::string> keep(const std::vector<std::string>& ids) override {
    std::string all;
    for (const auto& id : ids) all.append(id).append(" ");
    const auto found = client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"EVAL", keep_script, "1", options_.name, options_.group, options_.consumer, all},
                            deadline);
    });
    std::vector<std::string> out;
    for (const auto& id : list_of(found)) out.push_back(id.text);
    return out;
  }

  bool is_answered(std::string_view key) override {
    return client_
               .ask([&](RedisConnection& connection, Deadline deadline) {
                 return connection.ask({"HEXISTS", done_, key}, deadline);
               })
               .integer == 1;
  }

  bool finish(const std::string& id, std::string_view key, std::string_view answer) override {
    return client_
               .ask([&](RedisConnection& connection, Deadline deadline) {
                 return connection.ask(
                     {"EVAL", finish_script, "3", options_.name, out_, done_, options_.group, id, key, answer},
                     deadline);
               })
               .integer == 1;
  }

  void bury(const QueuedRow& row, std::string_view why) override {
    const auto deliveries = std::to_string(row.deliveries);
    client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"EVAL", bury_script, "4", options_.name, out_, done_, dead_, options_.group, row.id,
                             row.text, why, deliveries},
                            deadline);
    });
  }

  std::uint64_t size() override {
    return static_cast<std::uint64_t>(client_
                                          .ask([&](RedisConnection& connection, Deadline deadline) {
                                            return connection.ask({"XLEN", options_.name}, deadline);
                                          })
                                          .integer);
  }

  std::chrono::milliseconds patience() const noexcept override { return options_.patience; }

 private:
  void make_group(RedisConnection& connection, Deadline deadline) const {
    // Through a script, so that a group that is there already is no error of the connection.
    connection.ask({"EVAL", group_script, "1", options_.name, options_.group}, deadline);
  }

  RedisQueueOptions options_;
  std::string out_, done_, dead_, idle_;
  bulk::RedisClient client_;
};

}  // namespace

std::shared_ptr<RowQueue> redis_queue(std::string_view url, RedisQueueOptions options) {
  return std::make_shared<RedisQueue>(url, std::move(options));
}

void enqueue(std::string_view url, const std::string& name, const std::vector<std::string>& rows) {
  bulk::RedisClient client(url, "the queue", std::chrono::seconds(1));
  for (const auto& row : rows) {
    client.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"XADD", name, "*", "row", row}, deadline);
    });
  }
}

}  // namespace dspy
