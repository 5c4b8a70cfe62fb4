#include "waiting.hpp"

#include "dspy/base/tasks.hpp"
#include "dspy/base/wait_watched.hpp"
#include "exiting.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace dspy::python {
namespace {

namespace asio = boost::asio;

std::atomic<bool> has_threads = false;
std::atomic<bool> was_forked = false;

/// What a thread waits for.
struct Wait {
  std::stop_source& stop;
  bool is_interrupted = false;  ///< Python code within it was, by Ctrl-C.
};

thread_local Wait* current_wait = nullptr;

/// Threads that may wait for the GIL.  Never destroyed: one may still wait when the process ends.
class Threads {
 public:
  void run(std::function<void()> work) {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back(std::move(work));
      if (idle_ < jobs_.size() && total_ < most) {
        ++total_;
        std::thread([this] { serve(); }).detach();
      }
    }
    changed_.notify_one();
  }

  /// Waits until nothing is left to do, or for so long.
  void drain(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    drained_.wait_for(lock, time, [this] { return jobs_.empty() && idle_ == total_; });
  }

 private:
  static constexpr std::size_t most = 256;
  static constexpr std::chrono::seconds patience{10};

  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      if (idle_ == total_) drained_.notify_all();
      const bool has_job = changed_.wait_for(lock, patience, [this] { return !jobs_.empty(); });
      --idle_;
      if (!has_job) break;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds goes before it counts as done
      lock.lock();
    }
    --total_;
  }

  std::mutex mutex_;
  std::condition_variable changed_, drained_;
  std::deque<std::function<void()>> jobs_;
  std::size_t idle_ = 0, total_ = 0;
};

Threads& threads() {
  static auto* const shared = new Threads();
  return *shared;
}

}  // namespace

void require_unforked() {
  require_interpreter();
  if (was_forked.load(std::memory_order_relaxed)) {
    throw Error(Errc::config_error,
                "this process was forked off one in which dspy_cpp had threads at work, and they are not in the child; "
                "start workers with multiprocessing's \"spawn\", or load models after the fork");
  }
}

void note_threads() noexcept {
  has_threads.store(true, std::memory_order_relaxed);
}

void stop_current_wait() noexcept {
  if (current_wait == nullptr) return;
  current_wait->is_interrupted = true;
  current_wait->stop.request_stop();
}

namespace detail {

void drive(Async<void> work, std::stop_source& stop) {
  const bool is_main = on_main_thread();
  const AttendedCall attended(stop);
  std::optional<PythonFailure> interrupted;
  Wait wait{stop};
  {
    const nb::gil_scoped_release released;
    struct Restore {
      Wait* outer;
      ~Restore() { current_wait = outer; }
    } const restore{std::exchange(current_wait, &wait)};
    const auto look_up = [&] {
      if (!is_main || interrupted) return;
      const nb::gil_scoped_acquire gil;
      if (PyErr_CheckSignals() == 0) return;
      nb::python_error raised;  // takes over what the handler raised
      interrupted.emplace(std::move(raised));
      stop.request_stop();
    };
    try {
      wait_watched(std::move(work), std::chrono::milliseconds(100), look_up);
    } catch (const PythonFailure&) {
      if (!interrupted) throw;
    } catch (...) {
      if (!interrupted && !wait.is_interrupted) throw;
    }
  }
  if (interrupted) throw *interrupted;
  if (wait.is_interrupted) {  // whoever met the exception kept it for a failure of its own
    PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw nb::python_error();
  }
}

void start(Async<void> work, std::stop_source stop, std::function<void(std::exception_ptr)> done) {
  auto attended = std::make_unique<Attended>(std::move(stop));
  dspy::detail::run_in_background([](Async<void> inner, std::function<void(std::exception_ptr)> tell,
                                     std::unique_ptr<Attended> mine) -> Async<void> {
    std::exception_ptr failure;
    try {
      co_await std::move(inner);
    } catch (...) {
      failure = std::current_exception();
    }
    // Python may be busy: the event loop does not wait for it.
    threads().run([tell = std::move(tell), failure, held = std::shared_ptr<Attended>(std::move(mine))]() mutable {
      try {
        tell(failure);
      } catch (...) {  // the interpreter ends, or the event loop that waited is closed
      }
      held.reset();
    });
  }(std::move(work), std::move(done), std::move(attended)));
}

}  // namespace detail

Async<void> on_python_thread(std::function<void()> work) {
  note_threads();
  std::exception_ptr failure;
  // Looks at no cancellation: what `work` writes to lives here until it has ended.
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        threads().run([&work, &failure, executor, shared] {
          try {
            work();
          } catch (...) {
            failure = std::current_exception();
          }
          asio::post(executor, [shared] { std::move (*shared)(); });
        });
      },
      asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

void bind_waiting(nb::module_& m) {
  m.def("_begin_exit", [] {
    end_attended(std::chrono::seconds(5));
    const nb::gil_scoped_release released;
    threads().drain(std::chrono::seconds(5));
  });
  m.def("_after_fork", [] {
    if (has_threads.load()) was_forked.store(true);
  });
}

}  // namespace dspy::python
