#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::process {

/// How a program ended: by itself with `code`, or by `signal` (then not 0).
struct ChildEnd {
  int code = 0;
  int signal = 0;
};

/// `exited with code 3`, `was ended by signal 9 (Killed)`.
std::string to_text(const ChildEnd& end);

struct ChildOptions {
  std::vector<std::string> argv = {};         ///< The first is looked for on PATH, unless it has a slash.
  std::vector<std::string> environment = {};  ///< `NAME=value`; all that it gets.
  std::vector<int> files = {};                ///< Become 3, 4, … in the program.  The caller still closes them.
  std::size_t most_unsent = std::size_t{256} << 20;
  std::size_t errors_kept = std::size_t{16} << 10;  ///< The last bytes of what it writes to its standard error.
};

/// Another program, with pipes to it that a thread of its own serves; at its end the program and all that it started in
/// its process group are gone.
class Child {
 public:
  struct Handlers {
    /// What the program wrote.  False: it is to be killed.
    std::function<bool(std::string_view bytes)> on_bytes = {};
    /// Once, after the last bytes.
    std::function<void(const ChildEnd& end)> on_end = {};
    std::function<void()> on_alarm = {};
  };

  /// The handlers run on the child's thread, and must not destroy the child.  Throws `Error` (`io_error`).
  Child(const ChildOptions& options, Handlers handlers);
  /// Kills it, unless it has ended.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // From any thread.

  /// Does not wait for the program to read.  False if it has ended, or leaves too much unread.
  bool send(std::string_view bytes);
  /// Closes the program's input, and waits; then asks it to end (SIGTERM), waits as long again, and kills it.
  void end(std::chrono::milliseconds patience);
  void kill();
  /// Runs `on_alarm` then, in place of an earlier alarm.
  void set_alarm(std::chrono::steady_clock::time_point time);
  bool is_running() const;
  std::string errors() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Our own environment's variables of these names.
std::vector<std::string> inherited_environment(const std::vector<std::string>& names);

/// Where `program` is on PATH; empty if it is nowhere.
std::string find_program(std::string_view program);

/// A file in memory with these bytes, to be read from its start; for `ChildOptions::files`.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace dspy::process
