#include "stop_key.hpp"

#include <chrono>
#include <csignal>

namespace dspy::app {
namespace {

volatile std::sig_atomic_t is_pressed = 0;

void press(int signal) {
  is_pressed = 1;
  std::signal(signal, SIG_DFL);  // the next one ends the process
}

}  // namespace

StopKey::StopKey()
    : watcher_([source = stop_](const std::stop_token& end) mutable {
        // A handler may not do what asking to stop does, so it only leaves a mark.
        while (!end.stop_requested()) {
          if (is_pressed != 0) source.request_stop();
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }) {
  is_pressed = 0;
  std::signal(SIGINT, press);
  std::signal(SIGTERM, press);
}

StopKey::~StopKey() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

}  // namespace dspy::app
