#pragma once

#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/base/secret.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace dspy {

namespace http {
class Transport;
}

struct RemoteInterpreterOptions {
  std::string url = {};  ///< Of the service; docs/formats/interpreter.md says what it answers.
  Secret token = {};     ///< Sent as a bearer's, if there is one.
  std::shared_ptr<http::Transport> transport = {};  ///< Else the library's own.
  std::size_t message_bytes = std::size_t{16} << 20;
  std::chrono::milliseconds grace{5'000};  ///< Beside the time limit of the code, for each message.
};

/// Runs code on another machine, where no sandbox is available locally or the code needs a machine of its own.  Your
/// functions still run here.  A lost session is restarted without its variables, and the result says so.
class RemoteInterpreter final : public Interpreter {
 public:
  /// Throws `Error` (`invalid_parameter`) for a wrong URL, (`unsupported`) in a build without HTTP.
  RemoteInterpreter(std::vector<HostFunction> functions, RemoteInterpreterOptions options);
  /// Does not end the session, which the service does when it was not used for a while; `close` does.
  ~RemoteInterpreter() override;
  RemoteInterpreter(const RemoteInterpreter&) = delete;
  RemoteInterpreter& operator=(const RemoteInterpreter&) = delete;

  Async<Execution> execute(ExecuteRequest request) override;
  std::string protection() const override;
  Async<void> close();

  struct Session;

 private:
  std::shared_ptr<Session> session_;
};

}  // namespace dspy
