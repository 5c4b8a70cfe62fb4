#include "exiting.hpp"

#include "waiting.hpp"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>

namespace dspy::python {
namespace {

std::atomic<bool> ending = false;
std::atomic<unsigned long> main_thread = 0;
std::terminate_handler next_handler = nullptr;

class Running {
 public:
  using Entry = std::list<std::stop_source>::iterator;

  Entry add(std::stop_source stop) {
    const std::scoped_lock lock(mutex_);
    return stops_.insert(stops_.end(), std::move(stop));
  }
  void remove(Entry entry) {
    const std::scoped_lock lock(mutex_);
    stops_.erase(entry);
    changed_.notify_all();
  }
  void end(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    auto stops = stops_;
    lock.unlock();
    for (auto& stop : stops) stop.request_stop();
    lock.lock();
    changed_.wait_for(lock, patience, [this] { return stops_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::stop_source> stops_;
};

/// Never destroyed: a thread may still be at work when the process ends.
Running& running() {
  static auto* const shared = new Running();
  return *shared;
}

/// A daemon thread that Python ends within our frames stays where it is until the process has ended, as Python 3.14
/// has all of them do.  Everything else goes on as before.
[[noreturn]] void on_terminate() {
  const bool is_ended_by_python =
      PyThread_get_thread_ident() != main_thread.load() && std::current_exception() == nullptr;
  while (is_ended_by_python) ::pause();
  if (next_handler != nullptr) next_handler();
  std::abort();
}

}  // namespace

bool on_main_thread() {
  static const auto main =
      nb::cast<unsigned long>(nb::module_::import_("threading").attr("main_thread")().attr("ident"));
  return PyThread_get_thread_ident() == main;
}

Attended::Attended(std::stop_source stop) : entry_(running().add(std::move(stop))) {}
Attended::~Attended() {
  running().remove(entry_);
}

bool interpreter_is_ending() noexcept {
  return ending.load(std::memory_order_relaxed);
}

void end_attended(std::chrono::milliseconds patience) {
  main_thread.store(PyThread_get_thread_ident());
  if (!ending.exchange(true)) next_handler = std::set_terminate(on_terminate);
  const nb::gil_scoped_release released;
  running().end(patience);
}

}  // namespace dspy::python
