#include "server/listener/listener_loop.hpp"

#include "dspy/base/log.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

namespace asio = boost::asio;

/// Contexts whose loops have ended.
struct Ended {
  static constexpr std::size_t most = 8;  ///< Each has three file descriptors.

  std::mutex mutex;
  std::deque<std::unique_ptr<asio::io_context>> last;
  std::vector<std::unique_ptr<asio::io_context>> waited_on;
};

// Never destroyed, as threads may wake something until the process ends.
Ended& ended() {
  static auto& all = *new Ended;
  return all;
}

void keep(std::unique_ptr<asio::io_context> context, bool is_waited_on) {
  std::unique_ptr<asio::io_context> oldest;
  const std::lock_guard lock(ended().mutex);
  if (is_waited_on) {
    ended().waited_on.push_back(std::move(context));
    return;
  }
  auto& last = ended().last;
  last.push_back(std::move(context));
  if (last.size() <= Ended::most) return;
  oldest = std::move(last.front());
  last.pop_front();
}

}  // namespace

std::size_t loops_waited_on() {
  const std::lock_guard lock(ended().mutex);
  return ended().waited_on.size();
}

ListenerLoop::ListenerLoop(std::size_t threads)
    : count_(threads), context_(std::make_unique<asio::io_context>(static_cast<int>(threads))) {}

ListenerLoop::~ListenerLoop() {
  end(std::chrono::milliseconds(0));
  keep(std::move(context_), is_waited_on_);
}

void ListenerLoop::start() {
  running_ = count_;
  for (std::size_t i = 0; i < count_; ++i) threads_.emplace_back([this] { run(); });
}

void ListenerLoop::run() {
  while (true) {
    try {
      context_->run();
      break;
    } catch (const std::exception& error) {
      log(LogLevel::error, "server", error.what());
    }
  }
  const std::lock_guard lock(mutex_);
  if (--running_ == 0) ended_.notify_all();
}

bool ListenerLoop::end(std::chrono::milliseconds time) {
  if (threads_.empty()) return !is_waited_on_;
  {
    std::unique_lock lock(mutex_);
    is_waited_on_ = !ended_.wait_for(lock, time, [&] { return running_ == 0; });
  }
  context_->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  if (is_waited_on_) log(LogLevel::warning, "server", "a call did not stop in time; it was left unfinished");
  return !is_waited_on_;
}

}  // namespace dspy::server
