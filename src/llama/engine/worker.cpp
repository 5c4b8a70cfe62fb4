#include "llama/engine/worker.hpp"

#include "dspy/base/error.hpp"
#include "llama/engine/engine_options.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <iterator>
#include <utility>

namespace dspy::llama {

Worker::Worker(const std::shared_ptr<const Model>& model, const EngineOptions& options)
    : scheduler_(model, options, closing_), options_(scheduler_.options()) {
  publish();
  thread_ = std::thread([this] { loop(); });
}

Worker::~Worker() {
  at_exit_.close();
}

void Worker::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_.store(true, std::memory_order_relaxed);
  }
  work_arrived_.notify_one();
  join(thread_);
}

void Worker::submit(std::vector<Job> jobs) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closing()) throw scheduler_.closed();
    const auto queued = inbox_.size() + published_.queued;
    if (options_.when_full == WhenFull::refuse &&
        queued + jobs.size() > static_cast<std::size_t>(options_.queue_limit)) {
      const auto& model = scheduler_.model_name();
      throw Error(Errc::rate_limit_exceeded,
                  std::format("{} requests are already waiting for `{}`; send fewer at once, raise queue_limit, or let "
                              "callers wait (when_full)",
                              queued, model),
                  {.model = model});
    }
    requests_ += jobs.size();
    std::ranges::move(jobs, std::back_inserter(inbox_));
  }
  work_arrived_.notify_one();
}

std::shared_ptr<Mailbox> Worker::submit(Job job) {
  auto mailbox = job.mailbox;
  std::vector<Job> one;
  one.push_back(std::move(job));
  submit(std::move(one));
  return mailbox;
}

void Worker::run(Errand errand) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closing()) throw scheduler_.closed();
    errands_.push_back(std::move(errand));
  }
  work_arrived_.notify_one();
}

EngineStats Worker::stats() const {
  const std::lock_guard lock(mutex_);
  auto stats = published_;
  stats.queued += inbox_.size();
  const auto places = static_cast<std::size_t>(options_.queue_limit);
  if (options_.when_full == WhenFull::wait && stats.queued > places)
    stats.held_back += std::exchange(stats.queued, places) - places;
  stats.requests = requests_;
  return stats;
}

void Worker::loop() {
  while (fetch()) {
    scheduler_.step();
    publish();
  }
  fetch();  // what came in at the last moment
  scheduler_.close();
  publish();
}

bool Worker::fetch() {
  std::vector<Job> arrived;
  std::vector<Errand> tasks;
  {
    std::unique_lock lock(mutex_);
    if (scheduler_.idle()) {
      work_arrived_.wait(lock, [&] { return is_closing() || !inbox_.empty() || !errands_.empty(); });
      if (options_.collect.count() > 0)
        work_arrived_.wait_for(lock, options_.collect, [&] {
          return is_closing() || !errands_.empty() || inbox_.size() >= static_cast<std::size_t>(options_.sequences);
        });
    }
    arrived.swap(inbox_);
    tasks.swap(errands_);
    published_.queued += arrived.size();
  }
  for (auto& job : arrived) scheduler_.enqueue(std::move(job));
  for (auto& task : tasks) task(scheduler_);
  return !is_closing();
}

void Worker::publish() {
  {
    const std::lock_guard lock(mutex_);
    published_ = scheduler_.stats();
  }
  scheduler_.deliver();
}

}  // namespace dspy::llama
