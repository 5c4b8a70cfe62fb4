#pragma once

#include "agents/sandbox/session.hpp"
#include "dspy/agents/sandbox/interpreter.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace dspy::sandbox {

/// Interpreters that were started before anybody asked for them: whoever takes one does not wait for its start.  A
/// thread starts another in its place.  Safe to use from several threads.
class ReadySessions {
 public:
  using Make = std::function<std::shared_ptr<Session>()>;

  /// `make` gives a session that has not started, with no functions.
  ReadySessions(std::size_t wanted, Make make);
  ~ReadySessions();
  ReadySessions(const ReadySessions&) = delete;
  ReadySessions& operator=(const ReadySessions&) = delete;

  /// One that nobody has used, with these functions; it starts with its first execution where none is ready.
  std::shared_ptr<Session> take(std::vector<HostFunction> functions);

 private:
  void fill_until(const std::stop_token& stop);

  const std::size_t wanted_;
  const Make make_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<Session>> ready_;
  std::jthread filler_;  // ends before what it uses
};

}  // namespace dspy::sandbox
