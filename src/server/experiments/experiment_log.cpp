#include "dspy/server/experiments/experiment_log.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/storage/database.hpp"
#include "server/private_file.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Time = std::chrono::system_clock::time_point;
using namespace std::chrono_literals;

constexpr std::string_view schema = R"(
CREATE TABLE calls (
  trace TEXT NOT NULL, tenant TEXT NOT NULL, experiment TEXT NOT NULL, arm TEXT NOT NULL, unit TEXT NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (tenant, trace)) WITHOUT ROWID;
CREATE TABLE units (
  tenant TEXT NOT NULL, experiment TEXT NOT NULL, unit TEXT NOT NULL, arm TEXT NOT NULL, calls INTEGER NOT NULL,
  first_at INTEGER NOT NULL, PRIMARY KEY (tenant, experiment, unit, arm)) WITHOUT ROWID;
CREATE TABLE outcomes (
  number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, experiment TEXT NOT NULL, metric TEXT NOT NULL, arm TEXT NOT NULL,
  unit TEXT NOT NULL, trace TEXT NOT NULL, score TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (tenant, trace, metric));
CREATE INDEX outcomes_by_experiment ON outcomes (tenant, experiment, metric, number);
)";

constexpr std::size_t most_waiting = 100'000;
constexpr auto interval = 200ms;
constexpr auto remembered = std::chrono::days(90);  // a call can be judged for so long

std::int64_t to_number(Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string digest_of(const Exposure& exposure) {
  return sha256(exposure.experiment + '\n' + exposure.unit).substr(0, 24);
}

double score_of(std::string_view text) {
  double out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc() || end != text.data() + text.size())
    throw Error(Errc::io_error, "the log of experiments holds a score that is not a number; restore it from a copy");
  return out;
}

struct Waiting {
  Exposure exposure;
  std::int64_t at = 0;
};

/// Sums of judgements by unit, in the order in which units were first judged.
class UnitMeans {
 public:
  void add(const std::string& unit, double score) {
    const auto [place, is_new] = places_.try_emplace(unit, sums_.size());
    if (is_new) sums_.push_back({});
    auto& [sum, count] = sums_[place->second];
    sum += score;
    ++count;
    ++total_;
  }
  std::vector<double> means() const {
    std::vector<double> out;
    out.reserve(sums_.size());
    for (const auto& [sum, count] : sums_) out.push_back(sum / static_cast<double>(count));
    return out;
  }
  std::uint64_t total() const noexcept { return total_; }

 private:
  std::map<std::string, std::size_t, std::less<>> places_;
  std::vector<std::pair<double, std::size_t>> sums_;
  std::uint64_t total_ = 0;
};

}  // namespace

class ExperimentLog::State {
 public:
  explicit State(const std::filesystem::path& path)
      : database_(private_file(path), {.migrations = {std::string(schema)}, .purpose = "log of experiments"}) {
    forget_old();
    thread_ = std::thread([this] { run(); });
  }

  ~State() {
    {
      const std::lock_guard lock(queue_mutex_);
      has_ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void expose(Exposure exposure) {
    const auto at = to_number(std::chrono::system_clock::now());
    const std::lock_guard lock(queue_mutex_);
    if (waiting_.size() >= most_waiting) {
      ++dropped_;
      return;
    }
    waiting_.push_back({.exposure = std::move(exposure), .at = at});
  }

  /// On the caller's thread.
  void flush() {
    const std::lock_guard database_lock(mutex_);
    write(take());
  }

  std::optional<std::string> judge(const std::string& tenant, const std::string& trace, const std::string& metric,
                                   double score) {
    const std::lock_guard lock(mutex_);
    write(take());
    auto call = database_.prepare("SELECT experiment, arm, unit FROM calls WHERE tenant = ?1 AND trace = ?2");
    call.bind_text(1, tenant).bind_text(2, trace);
    if (!call.step()) return std::nullopt;
    std::string experiment(call.bytes(0));
    const std::string arm(call.bytes(1)), unit(call.bytes(2));
    call.reset();
    auto row = database_.prepare(
        "INSERT INTO outcomes (tenant, experiment, metric, arm, unit, trace, score, at) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7, ?8) ON CONFLICT (tenant, trace, metric) DO UPDATE SET score = excluded.score, at = excluded.at");
    row.bind_text(1, tenant).bind_text(2, experiment).bind_text(3, metric).bind_text(4, arm).bind_text(5, unit);
    row.bind_text(6, trace).bind_text(7, std::format("{}", score));
    row.bind(8, to_number(std::chrono::system_clock::now()));
    row.run();
    return experiment;
  }

  std::vector<ArmRecord> arms(const std::string& tenant, const std::string& experiment, const std::string& metric,
                              std::optional<Time> until) {
    const std::lock_guard lock(mutex_);
    write(take());
    std::vector<ArmRecord> out;
    auto exposed = database_.prepare(
        "SELECT arm, COUNT(*), SUM(calls) FROM units WHERE tenant = ?1 AND experiment = ?2 GROUP BY arm ORDER BY arm");
    exposed.bind_text(1, tenant).bind_text(2, experiment);
    while (exposed.step()) {
      out.push_back({.arm = std::string(exposed.bytes(0)),
                     .units = static_cast<std::uint64_t>(exposed.integer(1)),
                     .calls = static_cast<std::uint64_t>(exposed.integer(2))});
    }
    auto judged = database_.prepare(
        "SELECT arm, unit, score FROM outcomes WHERE tenant = ?1 AND experiment = ?2 AND metric = ?3 AND at <= ?4 "
        "ORDER BY number");
    judged.bind_text(1, tenant).bind_text(2, experiment).bind_text(3, metric);
    judged.bind(4, until ? to_number(*until) : std::numeric_limits<std::int64_t>::max());
    std::map<std::string, UnitMeans, std::less<>> means;
    while (judged.step())
      means[std::string(judged.bytes(0))].add(std::string(judged.bytes(1)), score_of(judged.bytes(2)));
    for (auto& arm : out) {
      const auto found = means.find(arm.arm);
      if (found == means.end()) continue;
      arm.judged = found->second.total();
      arm.values = found->second.means();
    }
    return out;
  }

  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  std::vector<Waiting> take() {
    const std::lock_guard lock(queue_mutex_);
    return std::exchange(waiting_, {});
  }

  /// With the database's lock held.
  void write(const std::vector<Waiting>& batch) {
    if (batch.empty()) return;
    const auto written = attempt([&] {
      database_.transaction([&] {
        auto call = database_.prepare("INSERT OR IGNORE INTO calls VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        auto unit = database_.prepare(
            "INSERT INTO units VALUES (?1, ?2, ?3, ?4, 1, ?5) ON CONFLICT DO UPDATE SET calls = calls + 1");
        for (const auto& [exposure, at] : batch) {
          const auto digest = digest_of(exposure);
          call.bind_text(1, exposure.trace).bind_text(2, exposure.tenant).bind_text(3, exposure.experiment);
          call.bind_text(4, exposure.arm).bind_text(5, digest).bind(6, at);
          call.run();
          unit.bind_text(1, exposure.tenant).bind_text(2, exposure.experiment).bind_text(3, digest);
          unit.bind_text(4, exposure.arm).bind(5, at);
          unit.run();
        }
      });
    });
    if (written) return;
    dropped_ += batch.size();
    log(LogLevel::warning, "server",
        std::format("{} calls of experiments are not recorded: {}", batch.size(), written.error().what()));
  }

  void forget_old() {
    auto remove = database_.prepare("DELETE FROM calls WHERE at < ?1");
    remove.bind(1, to_number(std::chrono::system_clock::now() - remembered));
    remove.run();
  }

  void run() {
    std::unique_lock lock(queue_mutex_);
    while (true) {
      changed_.wait_for(lock, interval, [&] { return has_ended_; });
      const bool is_last = has_ended_;
      lock.unlock();
      flush();
      if (is_last) return;
      lock.lock();
    }
  }

  std::mutex mutex_;
  storage::Database database_;
  std::mutex queue_mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  bool has_ended_ = false;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::thread thread_;
};

ExperimentLog::ExperimentLog(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
ExperimentLog::~ExperimentLog() = default;

void ExperimentLog::expose(Exposure exposure) {
  state_->expose(std::move(exposure));
}

std::optional<std::string> ExperimentLog::judge(const std::string& tenant, const std::string& trace,
                                                const std::string& metric, double score) {
  return state_->judge(tenant, trace, metric, score);
}

std::vector<ArmRecord> ExperimentLog::arms(const std::string& tenant, const std::string& experiment,
                                           const std::string& metric, std::optional<Time> until) const {
  return state_->arms(tenant, experiment, metric, until);
}

void ExperimentLog::flush() const {
  state_->flush();
}

std::uint64_t ExperimentLog::dropped() const noexcept {
  return state_->dropped();
}

}  // namespace dspy::server
