#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/lm/tracing/redactor.hpp"
#include "dspy/server/traces/trace_record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// How traces are kept.
struct TraceStoreOptions {
  // What is kept
  bool has_content = true;               ///< Inputs, outputs, messages and replies; else times, usage, cost and errors.
  std::size_t max_spans = 10'000;        ///< Of a trace; further ones are left out, which the trace says.
  std::size_t max_span_bytes = 1 << 20;  ///< A larger span keeps no content, and says so.
  std::shared_ptr<const Redactor> redactor = {};  ///< Null: one without registered keys, which recognises them by form.
  std::optional<std::chrono::seconds> max_age = {};
  std::optional<std::uint64_t> max_bytes = {};  ///< Of the file; the oldest traces go first.

  // Writing
  std::size_t max_queue = 50'000;                       ///< Spans that wait; further traces are dropped and counted.
  std::size_t max_queue_bytes = std::size_t{64} << 20;  ///< About.
  std::chrono::milliseconds interval = std::chrono::milliseconds(200);
  std::chrono::milliseconds exit_wait = std::chrono::seconds(5);  ///< The longest that ending the store takes.

  /// Told of each trace once it can be read, on the store's thread.
  std::function<void(const std::string& tenant, const std::string& id)> on_kept = {};
};

/// Selects traces: those that match every set member.
struct TraceQuery {
  std::string tenant = {};
  /// Words that inputs, outputs or errors must all have; `"a phrase"`, `begin*`.
  std::string text = {};
  /// By `id`, `program`, `version`, `status`, `key`, `lm`, `path`; `since` and `until` (ISO 8601), `min_seconds`,
  /// `min_cost`, `min_tokens`.
  std::map<std::string, std::string, std::less<>> filters = {};
  std::string sort = "started_at";  ///< Or `seconds`, `cost`, `tokens`; what has none counts as least.
  bool descending = true;
  std::size_t limit = 50;   ///< 1 to 1,000.
  std::string cursor = {};  ///< `next` of the page before.
};

struct TracePage {
  std::vector<JsonObject> items = {};
  std::string next = {};                  ///< Empty: there are no more.
  std::optional<std::size_t> total = {};  ///< Where it is 1,000 or less.
};

/// A judgement of what a program did.
struct Feedback {
  std::string id = {};     ///< Given when it is added.
  std::string trace = {};  ///< The trace's id.
  std::string name = {};   ///< What is judged, such as `helpful`.
  double score = 0;
  std::string comment = {};
  std::string key = {};  ///< Whose judgement.
  std::chrono::system_clock::time_point at = {};
};

/// Traces of programs in one SQLite file, written in batches on a thread of the store's own: no call waits for the
/// disk.  Where the disk is full or too slow, traces are dropped and counted.  A trace is kept whole or not at all.
/// Thread-safe; several processes may have the file open.
class TraceStore {
 public:
  /// Throws `Error` (`io_error`) if the file cannot be opened.
  explicit TraceStore(const std::filesystem::path& path, TraceStoreOptions options = {});
  ~TraceStore();
  TraceStore(const TraceStore&) = delete;
  TraceStore& operator=(const TraceStore&) = delete;

  /// A sink for programs.  The first root that ends is the trace `origin.id`, each further one a trace of its own.  May
  /// outlive the store, and then keeps nothing.
  std::shared_ptr<Trace> sink(TraceOrigin origin);
  /// False if the queue has no place for it.
  bool add(TraceRecord record);
  /// Waits until what was added is kept, or dropped; false if that took longer.
  bool flush(std::chrono::milliseconds time);
  /// Spans that are not kept: no place in the queue, or the disk did not take them.
  std::uint64_t dropped() const noexcept;

  // Nothing of another tenant is found by any of these.
  /// Throws `Error` (`bad_input`) for a filter, sort or cursor that is none.
  TracePage list(const TraceQuery& query) const;
  /// The whole trace with its spans and feedback.
  std::optional<JsonObject> get(const std::string& tenant, const std::string& id) const;
  bool remove(const std::string& tenant, const std::string& id);

  /// Throws `Error` (`bad_input`) for a name that is blank, a score that is not a finite number, or a trace that is not
  /// there.  Returns the id.
  std::string add_feedback(const std::string& tenant, Feedback feedback);
  /// Newest first; of one trace, or of all if `trace` is empty.
  std::vector<Feedback> feedback(const std::string& tenant, const std::string& trace = {},
                                 std::size_t limit = 10'000) const;

  /// Removes what is too old or too much now; the store's thread does so every minute.  How many traces went.
  std::size_t retain();

 private:
  class State;
  std::shared_ptr<State> state_;
};

JsonObject to_json(const Feedback& feedback);

}  // namespace dspy::server
