#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A row that a queue handed out.
struct QueuedRow {
  std::string id = {};
  std::string text = {};         ///< A JSON object: the row's inputs.
  std::uint64_t deliveries = 1;  ///< How often it was handed out, this time included.
};

/// Rows shared by several workers.  A delivered row belongs to the worker for as long as it `keep`s it; when it stops
/// doing so, for example because it was killed, another worker gets the row.  Thread-safe.
///
/// All calls throw `Error` (`io_error`) when the queue is unreachable and does not recover in time.
class RowQueue {
 public:
  virtual ~RowQueue() = default;

  /// At most `count` rows, without waiting; may be empty.
  virtual std::vector<QueuedRow> take(std::size_t count) = 0;
  /// Says that these are still being worked on.  Returns those that another worker has by now.
  virtual std::vector<std::string> keep(const std::vector<std::string>& ids) = 0;
  /// Whether a row of this key was answered.
  virtual bool is_answered(std::string_view key) = 0;
  /// Puts the answer out and takes the row off the queue, both or neither.  False if a row of this key was answered
  /// before; then that answer stays the only one.
  virtual bool finish(const std::string& id, std::string_view key, std::string_view answer) = 0;
  /// Sets a row aside that cannot be worked on.
  virtual void bury(const QueuedRow& row, std::string_view why) = 0;
  /// Rows that wait or are being worked on.
  virtual std::uint64_t size() = 0;
  /// After how long without `keep` a row goes to another worker.
  virtual std::chrono::milliseconds patience() const noexcept = 0;
};

struct RedisQueueOptions {
  std::string name = "dspy";      ///< The stream; answers go to `NAME:out`, what was set aside to `NAME:dead`.
  std::string group = "workers";  ///< The consumer group.
  std::string consumer = {};      ///< This worker's name; empty: a unique one.
  std::chrono::milliseconds patience{60'000};  ///< See `RowQueue::patience`.
  std::chrono::milliseconds outage{30'000};    ///< How long the server may be gone before a call fails.
};

/// A stream of a Redis or Valkey server (6.2 or newer): each entry has the field `row`, a JSON object.
/// `url`: `redis://user:password@host:port/database`.  Throws `Error` (`config_error`) for one that cannot be read.
std::shared_ptr<RowQueue> redis_queue(std::string_view url, RedisQueueOptions options = {});

/// Puts a row at the end of a queue of `redis_queue`.
void enqueue(std::string_view url, const std::string& name, const std::vector<std::string>& rows);

}  // namespace dspy
