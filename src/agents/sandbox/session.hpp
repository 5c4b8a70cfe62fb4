#pragma once

#include "agents/process/child.hpp"
#include "agents/sandbox/protocol.hpp"
#include "base/bell.hpp"
#include "dspy/agents/sandbox/interpreter.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::sandbox {

/// What the thread of a process and the coroutine that waits for it share.
class Mailbox {
 public:
  explicit Mailbox(std::size_t most_bytes) : frames_(most_bytes) {}

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

/// An interpreter in a process of its own, which speaks the protocol through pipes.  It starts with the first
/// execution, and again after its end.  What kind of interpreter it is, is said by the class that derives from it.
struct Session {
  struct Bounds {
    std::size_t message_bytes = 0;
    std::chrono::milliseconds start_limit{0}, grace{0};
  };

  Session(std::vector<HostFunction> functions, const Bounds& bounds);
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Starts the process.  Throws `Error` (`unsupported`) with the reason and the remedy.
  virtual std::unique_ptr<process::Child> started(process::Child::Handlers handlers) = 0;
  /// It is ready.  What keeps the code in, for people.
  virtual std::string accepted(const interpreter::Ready& ready) = 0;
  /// The process ended or was ended before it was ready.
  virtual void not_started() {}
  /// What to do about that, for people.
  virtual std::string remedy() const = 0;
  /// The program, for errors.
  virtual std::string program() const = 0;

  void start();
  void drop();
  /// The functions that its code may call from now on.  Throws `Error` (`invalid_parameter`) as the constructor does.
  void lend(std::vector<HostFunction> given);

  std::vector<HostFunction> functions;
  const Bounds bounds;
  std::atomic<bool> is_busy = false;
  std::uint64_t execution = 0;
  std::shared_ptr<Mailbox> mailbox;
  std::unique_ptr<process::Child> child;
  bool is_ready = false;
  mutable std::mutex mutex;
  std::string protection;  ///< Under the lock.
};

/// One execution at a time: throws `Error` (`invalid_parameter`) for a second one.
class Turn {
 public:
  explicit Turn(std::shared_ptr<Session> session);
  ~Turn() { session_->is_busy.store(false); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::shared_ptr<Session> session_;
};

Async<Execution> run(std::shared_ptr<Session> session, ExecuteRequest request);

std::string protection(const Session& session);

/// Why this interpreter cannot run code here, or nothing if it can.  Tries it.
std::optional<std::string> problem_of(Interpreter& interpreter);

}  // namespace dspy::sandbox
