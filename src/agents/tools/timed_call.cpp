#include "agents/tools/timed_call.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "lm/middleware/waiter.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Time = std::chrono::steady_clock::time_point;

/// What a thread and the coroutine that waits for it share; the later of both ends it.
struct Meeting {
  std::shared_ptr<Waiter> waiter = std::make_shared<Waiter>();
  std::atomic<bool> is_done = false;
  std::optional<ToolOutcome> outcome = {};
  std::exception_ptr failure = {};
};

Async<void> keep_time(Time until, std::stop_source ends, std::stop_token is_over, bool& was_over_time) {
  try {
    co_await sleep(until - std::chrono::steady_clock::now(), is_over);
    was_over_time = true;
    ends.request_stop();
  } catch (const Error& error) {
    if (error.code() != Errc::cancelled) throw;
  }
}

Async<void> keep_result(Async<ToolOutcome> work, std::stop_token ends, std::stop_source is_over,
                        std::optional<ToolOutcome>& outcome, std::exception_ptr& failure) {
  try {
    outcome = co_await until(std::move(work), std::move(ends));
  } catch (...) {
    failure = std::current_exception();
  }
  is_over.request_stop();
}

}  // namespace

Async<std::optional<ToolOutcome>> run_on_own_thread(std::function<Async<ToolOutcome>()> work, std::optional<Time> until,
                                                    std::stop_token stop) {
  const auto meeting = std::make_shared<Meeting>();
  try {
    std::thread([meeting, work = std::move(work)] {
      try {
        meeting->outcome = wait(work());
      } catch (...) {
        meeting->failure = std::current_exception();
      }
      meeting->is_done = true;
      meeting->waiter->wake();
    }).detach();
  } catch (const std::system_error& error) {
    co_return ToolOutcome::error(std::string("no thread could be started for the tool: ") + error.what());
  }
  co_await Waiter::wait(meeting->waiter, std::move(stop), until);
  if (!meeting->is_done) co_return std::nullopt;
  if (meeting->failure) std::rethrow_exception(meeting->failure);
  co_return std::move(meeting->outcome);
}

Async<std::optional<ToolOutcome>> run_until_time(Async<ToolOutcome> work, std::optional<Time> until,
                                                 std::stop_token stop) {
  std::optional<ToolOutcome> outcome;
  std::exception_ptr failure;
  std::stop_source ends, is_over;
  bool was_over_time = false;
  {
    const std::stop_callback forward(stop, [&] { ends.request_stop(); });
    std::vector<Async<void>> both;
    both.push_back(keep_result(std::move(work), ends.get_token(), is_over, outcome, failure));
    if (until) both.push_back(keep_time(*until, ends, is_over.get_token(), was_over_time));
    co_await when_all(std::move(both));
  }
  if (outcome) co_return outcome;
  if (was_over_time || stop.stop_requested()) co_return std::nullopt;
  std::rethrow_exception(failure);
}

}  // namespace dspy
