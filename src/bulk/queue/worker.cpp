#include "dspy/bulk/queue/worker.hpp"

#include "bulk/row_outcome.hpp"
#include "bulk/row_source.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <format>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr auto short_wait = std::chrono::milliseconds(5);

/// A worker's state.  All of it is touched where `wait` drives the work; only the queue is asked on other threads.
class Worker {
 public:
  Worker(const Program& program, const std::string& version, RowQueue& queue, const WorkerOptions& options)
      : program_(program), version_(version), queue_(queue), options_(options), begun_(now()), told_(begun_) {}

  BulkReport run() {
    const auto tasks = options_.concurrency + 2;
    wait(run_concurrently(tasks, tasks, [this](std::size_t i) {
      return i == 0 ? fetch(this) : i == 1 ? keep(this) : work(this);
    }));
    if (failure_) std::rethrow_exception(failure_);
    report_.is_complete = !report_.stopped;
    tell(true);
    return std::move(report_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::time_point now() { return Clock::now(); }

  bool is_over() const { return is_drained_ || failure_ != nullptr; }
  bool may_take() const { return !report_.stopped && failure_ == nullptr && !options_.call.stop.stop_requested(); }

  static Async<void> fetch(Worker* self) {
    while (self->may_take()) {
      const auto room = self->options_.concurrency - std::min(self->held_.size(), self->options_.concurrency);
      std::vector<QueuedRow> rows;
      bool is_empty = false;
      try {
        if (room > 0) rows = co_await on_cpu([self, room] { return self->queue_.take(room); });
        is_empty = room > 0 && rows.empty();
        if (is_empty && self->options_.until_empty && self->held_.empty()) {
          const auto left = co_await on_cpu([self] { return self->queue_.size(); });
          if (left == 0) break;
        }
      } catch (...) {
        self->fail();
        co_return;
      }
      for (auto& row : rows) {
        // One that this worker kept too late comes again while it is still under way here.
        if (self->held_.insert(row.id).second) self->ready_.push_back(std::move(row));
      }
      co_await sleep(is_empty ? self->options_.poll : std::chrono::milliseconds(short_wait));
    }
    // Rows that were taken but not started go back by themselves; running ones finish.
    if (!self->may_take()) {
      for (const auto& row : self->ready_) self->held_.erase(row.id);
      self->ready_.clear();
    }
    if (self->options_.call.stop.stop_requested()) self->stop(Error(Errc::cancelled, "the worker was stopped"));
    while (!self->held_.empty() && self->failure_ == nullptr) co_await sleep(short_wait);
    self->is_drained_ = true;
  }

  static Async<void> keep(Worker* self) {
    const auto pause = std::max(self->queue_.patience() / 4, std::chrono::milliseconds(1));
    auto last = now();
    while (!self->is_over()) {
      co_await sleep(std::min<std::chrono::milliseconds>(pause, std::chrono::milliseconds(20)));
      if (now() - last < pause || self->held_.empty()) continue;
      last = now();
      try {
        const std::vector<std::string> ids(self->held_.begin(), self->held_.end());
        // Rows that now belong to another worker are answered anyway: the first answer is published.
        co_await on_cpu([self, &ids] { return self->queue_.keep(ids); });
      } catch (...) {
        self->fail();
        co_return;
      }
    }
  }

  static Async<void> work(Worker* self) {
    while (!self->is_over()) {
      if (self->ready_.empty()) {
        co_await sleep(short_wait);
        continue;
      }
      auto row = std::move(self->ready_.front());
      self->ready_.pop_front();
      try {
        co_await answer(self, row);
      } catch (...) {
        self->fail();
      }
      self->held_.erase(row.id);
      self->tell(false);
    }
  }

  static Async<void> answer(Worker* self, const QueuedRow& row) {
    auto& report = self->report_;
    if (row.deliveries > self->options_.max_deliveries) {
      auto given_up = row;
      --given_up.deliveries;  // this time it is not tried
      const auto why = std::format("it was delivered {} times, and each time its worker ended before answering",
                                   given_up.deliveries);
      co_await on_cpu([&] { self->queue_.bury(given_up, why); });
      ++report.failed;
      co_return;
    }
    auto values = bulk::values_of({.text = row.text});
    bulk::RowOutcome outcome;
    if (values) {
      const auto key = idempotency_key(self->version_, *values);
      if (co_await on_cpu([&] { return self->queue_.is_answered(key); })) {
        co_await on_cpu([&] { self->queue_.finish(row.id, key, {}); });
        ++report.resumed;
        co_return;
      }
      try {
        outcome = co_await bulk::ask_row(self->program_, self->version_, *std::move(values), self->options_.call);
      } catch (const Error& error) {
        self->stop(error);
        co_return;
      }
    } else {
      // Two entries without a row are two.
      outcome.key = idempotency_key(self->version_, {{"row", row.text.empty() ? row.id : row.text}});
      outcome.error =
          Error(Errc::bad_input, row.text.empty() ? "the entry " + row.id + " has no field `row`, or an empty one"
                                                  : "the row " + values.error());
    }
    report.usage += outcome.usage;
    if (outcome.error && ends_all(outcome.error->code())) {
      self->stop(*outcome.error);
      co_return;
    }
    if (outcome.error && passes(outcome.error->code()) && row.deliveries >= self->options_.max_deliveries) {
      const auto why =
          std::format("it was handed out {} times; the last error: {}", row.deliveries, outcome.error->what());
      co_await on_cpu([&] { self->queue_.bury(row, why); });
      ++report.failed;
      co_return;
    }
    if (outcome.error && passes(outcome.error->code())) {
      ++report.again;  // no longer kept, it is handed out again
      co_return;
    }
    std::string text = "{";
    bulk::append_outcome(text, outcome);
    text += '}';
    const bool is_first = co_await on_cpu([&] { return self->queue_.finish(row.id, outcome.key, text); });
    if (!is_first) {
      ++report.resumed;
      co_return;
    }
    ++report.rows;
    if (outcome.error) ++report.failed;
  }

  void fail() {
    if (failure_ == nullptr) failure_ = std::current_exception();
  }
  void stop(const Error& why) {
    if (!report_.stopped) report_.stopped = why;
  }

  void tell(bool is_end) {
    const auto time = now();
    if (!is_end && time - told_ < options_.progress_every) return;
    told_ = time;
    report_.seconds = std::chrono::duration<double>(time - begun_).count();
    if (options_.progress) options_.progress(report_);
  }

  const Program& program_;
  const std::string& version_;
  RowQueue& queue_;
  const WorkerOptions& options_;
  Clock::time_point begun_, told_;
  std::deque<QueuedRow> ready_;
  std::set<std::string> held_;  ///< Ids of what is this worker's.
  bool is_drained_ = false;
  std::exception_ptr failure_;
  BulkReport report_;
};

}  // namespace

BulkReport run_worker(const Program& program, const std::string& version, RowQueue& queue,
                      const WorkerOptions& options) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a worker of concurrency 0 would never begin; allow at least 1 row at a time");
  if (options.max_deliveries == 0)
    throw Error(Errc::invalid_parameter, "a row that may be handed out 0 times is never answered; allow at least 1");
  return Worker(program, version, queue, options).run();
}

}  // namespace dspy
