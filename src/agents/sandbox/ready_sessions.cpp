#include "agents/sandbox/ready_sessions.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"

#include <format>
#include <utility>

namespace dspy::sandbox {

ReadySessions::ReadySessions(std::size_t wanted, Make make) : wanted_(wanted), make_(std::move(make)) {
  if (wanted_ == 0 || wanted_ > 64)
    throw Error(Errc::invalid_parameter,
                std::format("{} interpreters cannot be kept ready; use 1 to 64, or leave the number out", wanted_));
  filler_ = std::jthread([this](const std::stop_token& stop) { fill_until(stop); });
}

ReadySessions::~ReadySessions() {
  filler_.request_stop();
}

std::shared_ptr<Session> ReadySessions::take(std::vector<HostFunction> functions) {
  std::shared_ptr<Session> taken;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_.empty()) {
      taken = std::move(ready_.front());
      ready_.pop_front();
    }
  }
  changed_.notify_all();
  if (!taken) taken = make_();
  taken->lend(std::move(functions));
  return taken;
}

void ReadySessions::fill_until(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return ready_.size() < wanted_; })) {
    lock.unlock();
    auto session = make_();
    const auto started = attempt([&] { session->start(); });
    lock.lock();
    if (!started) {  // whoever asks gets the error, and the remedy
      log(LogLevel::warning, "sandbox", std::format("no interpreter is kept ready: {}", started.error().what()));
      return;
    }
    ready_.push_back(std::move(session));
  }
}

}  // namespace dspy::sandbox
