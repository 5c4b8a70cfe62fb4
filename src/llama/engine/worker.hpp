#pragma once

#include "dspy/llama/engine.hpp"
#include "llama/at_exit.hpp"
#include "llama/engine/mailbox.hpp"
#include "llama/engine/scheduler.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace dspy::llama {

/// The thread that computes, and the door to it: requests go in through a queue, errands are run between two steps,
/// replies come back through mailboxes.  What a step is, scheduler_step.cpp says.
class Worker {
 public:
  Worker(const std::shared_ptr<const Model>& model, const EngineOptions& options);
  ~Worker();

  /// Ends what waits and runs, and the thread.
  void close();

  /// All of them or none.  Throws `Error`: `model_not_loaded` when closed, `rate_limit_exceeded` when the queue is
  /// full.
  void submit(std::vector<Job> jobs);
  std::shared_ptr<Mailbox> submit(Job job);

  /// Runs `work(scheduler)` on the engine's thread, between two steps, and waits for it.
  template <class F>
  auto between_steps(F work) {
    std::packaged_task<std::invoke_result_t<F&, Scheduler&>(Scheduler&)> task([&](Scheduler& there) {
      const struct Publish {
        Worker& worker;
        ~Publish() { worker.publish(); }
      } publish_first{*this};
      return work(there);
    });
    auto result = task.get_future();
    run([&task](Scheduler& there) { task(there); });
    return result.get();
  }

  /// The options in force.
  const EngineOptions& options() const noexcept { return options_; }
  EngineStats stats() const;

 private:
  using Errand = std::move_only_function<void(Scheduler&)>;

  void run(Errand errand);
  bool is_closing() const noexcept { return closing_.load(std::memory_order_relaxed); }

  // The engine's thread.

  void loop();
  /// Takes what has arrived, and waits for it if there is nothing else to do.  False when the engine closes.
  bool fetch();
  void publish();

  std::atomic<bool> closing_ = false;
  Scheduler scheduler_;  ///< The engine's thread only, once it runs.
  const EngineOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::vector<Job> inbox_;
  std::vector<Errand> errands_;
  EngineStats published_;
  std::uint64_t requests_ = 0;

  std::thread thread_;
  ClosedAtExit at_exit_{[this] { close(); }};
};

}  // namespace dspy::llama
