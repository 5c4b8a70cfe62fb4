#include "llama/at_exit.hpp"

#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

namespace dspy::llama {
namespace {

struct Live {
  std::mutex mutex;
  std::set<ClosedAtExit*> open;
  bool is_registered = false;
};

Live& live() {
  static auto& things = *new Live;
  return things;
}

/// Registered after the inference library was loaded, so it runs before the library's own handlers.
void close_all() {
  auto& [mutex, open, is_registered] = live();
  const std::lock_guard lock(mutex);
  for (auto* const each : open) each->close();
  open.clear();
}

}  // namespace

ClosedAtExit::ClosedAtExit(std::function<void()> close) : close_(std::move(close)) {
  auto& [mutex, open, is_registered] = live();
  const std::lock_guard lock(mutex);
  if (!std::exchange(is_registered, true)) std::atexit(close_all);
  open.insert(this);
}

ClosedAtExit::~ClosedAtExit() {
  auto& [mutex, open, is_registered] = live();
  const std::lock_guard lock(mutex);
  open.erase(this);
}

void ClosedAtExit::close() {
  std::call_once(closed_, close_);
}

void join(std::thread& thread) {
  if (thread.get_id() == std::this_thread::get_id())
    thread.detach();
  else if (thread.joinable())
    thread.join();
}

}  // namespace dspy::llama
