#include "server/listener/connection.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <poll.h>

#include <chrono>
#include <stop_token>
#include <tuple>

namespace dspy::server {
namespace {

std::int64_t nanoseconds(std::chrono::steady_clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

/// Whether the other side has closed, whatever it sent before.
bool has_hung_up(int socket) {
  pollfd one{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

void Connection::enter(Phase phase, std::chrono::nanoseconds time) {
  is_overdue = false;
  phase_.store(phase);
  deadline_.store(time.count() == 0 ? 0 : nanoseconds(std::chrono::steady_clock::now() + time));
}

std::stop_token Connection::begin() {
  stop_ = std::stop_source();
  is_subscription = false;
  return stop_.get_token();
}

void Connection::lose() {
  is_lost = true;
  stop_.request_stop();
}

bool Connection::needs_tick(std::chrono::steady_clock::time_point now) const noexcept {
  if (phase_.load() == Phase::running) return true;
  const auto deadline = deadline_.load();
  return deadline != 0 && nanoseconds(now) >= deadline;
}

void Connection::tick(std::chrono::steady_clock::time_point now) {
  const auto phase = phase_.load();
  const auto deadline = deadline_.load();
  if (phase == Phase::running && !is_lost && socket.is_open() && has_hung_up(socket.native_handle())) lose();
  if (deadline == 0 || nanoseconds(now) < deadline) return;
  is_overdue = true;
  deadline_.store(0);
  if (phase == Phase::running) {
    stop_.request_stop();
  } else if (phase == Phase::writing) {
    lose();
    close();
  } else {
    boost::system::error_code ignored;
    std::ignore = socket.cancel(ignored);
  }
}

void Connection::drain() {
  boost::system::error_code ignored;
  if (phase_.load() == Phase::idle) {
    if (socket.available(ignored) > 0) return;  // a request that was sent is answered
    std::ignore = socket.cancel(ignored);
  } else if (is_subscription) {
    stop_.request_stop();
  }
}

void Connection::stop() {
  stop_.request_stop();
}

void Connection::close() noexcept {
  boost::system::error_code ignored;
  std::ignore = socket.close(ignored);
}

}  // namespace dspy::server
