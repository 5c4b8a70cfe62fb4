#pragma once

#include "agents/process/child.hpp"
#include "agents/sandbox/protocol.hpp"
#include "base/bell.hpp"
#include "dspy/agents/sandbox/python_interpreter.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// What the thread of a process and the coroutine that waits for it share.
class PythonMailbox {
 public:
  explicit PythonMailbox(std::size_t most_bytes) : frames_(most_bytes) {}

  std::shared_ptr<Bell> bell = std::make_shared<Bell>();

  // On the process's thread.
  bool take(std::string_view bytes);
  void take_end(const process::ChildEnd& end);
  void take_alarm();

  struct Letter {
    std::optional<std::string> message = {};
    bool is_alarm = false;
    bool is_end = false;
  };
  /// The next thing that happened, if any: messages before the end.
  std::optional<Letter> next();
  /// Why the process sent nothing more.
  std::string reason() const;
  /// Forgets an alarm that was for an earlier wait.
  void forget_alarm();
  void cancel();
  bool is_cancelled() const;

 private:
  mutable std::mutex mutex_;
  interpreter::FrameReader frames_;
  std::deque<std::string> messages_;
  bool alarm_ = false, is_cancelled_ = false;
  std::optional<process::ChildEnd> end_;
  std::string broken_;
};

struct PythonInterpreter::Session {
  std::vector<HostFunction> functions;
  PythonOptions options;
  std::atomic<bool> is_busy = false;
  std::uint64_t execution = 0;
  std::shared_ptr<PythonMailbox> mailbox;
  std::unique_ptr<process::Child> child;
  bool is_ready = false;
  bool was_used = false;  ///< Something may be lost with the process.
  mutable std::mutex mutex;
  std::string protection;  ///< Under the lock.

  void start();
  void drop();
};

}  // namespace dspy
