#include "llama/at_exit.hpp"

#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

namespace dspy::llama {
namespace {

struct Live {
  std::mutex mutex;
  std::set<const std::function<void()>*> closers;
  bool is_registered = false;
};

Live& live() {
  static auto& things = *new Live;
  return things;
}

/// Registered after the inference library was loaded, so it runs before the library's own handlers.
void close_all() {
  auto& [mutex, closers, is_registered] = live();
  const std::lock_guard lock(mutex);
  for (const auto* close : closers) (*close)();
  closers.clear();
}

}  // namespace

ClosedAtExit::ClosedAtExit(std::function<void()> close) : close_(std::move(close)) {
  auto& [mutex, closers, is_registered] = live();
  const std::lock_guard lock(mutex);
  if (!std::exchange(is_registered, true)) std::atexit(close_all);
  closers.insert(&close_);
}

ClosedAtExit::~ClosedAtExit() {
  auto& [mutex, closers, is_registered] = live();
  const std::lock_guard lock(mutex);
  closers.erase(&close_);
}

}  // namespace dspy::llama
