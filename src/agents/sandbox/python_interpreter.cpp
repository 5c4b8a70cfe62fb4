#include "dspy/agents/sandbox/python_interpreter.hpp"

#include "agents/sandbox/python_session.hpp"
#include "agents/sandbox/ready_sessions.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace dspy {

PythonInterpreter::PythonInterpreter(std::vector<HostFunction> functions, PythonOptions options)
    : session_(std::make_shared<Session>(std::move(functions), std::move(options))) {}

PythonInterpreter::PythonInterpreter(std::in_place_t, std::shared_ptr<Session> session) noexcept
    : session_(std::move(session)) {}

PythonInterpreter::~PythonInterpreter() = default;

Async<Execution> PythonInterpreter::execute(ExecuteRequest request) {
  return sandbox::run(session_, std::move(request));
}

std::string PythonInterpreter::protection() const {
  return sandbox::protection(*session_);
}

void PythonInterpreter::prepare() {
  const sandbox::Turn turn(session_);
  session_->start();
}

std::optional<std::string> sandbox_problem(const PythonOptions& options) {
  auto strict = options;
  strict.allow_unsandboxed = false;
  PythonInterpreter interpreter({}, strict);
  return sandbox::problem_of(interpreter);
}

InterpreterFactory python_interpreters(PythonOptions options, std::size_t ready) {
  if (ready != 0) {
    auto make = [options = std::move(options)] {
      return std::make_shared<PythonInterpreter::Session>(std::vector<HostFunction>(), options);
    };
    return
        [pool = std::make_shared<sandbox::ReadySessions>(ready, std::move(make))](std::vector<HostFunction> functions) {
          auto session = std::static_pointer_cast<PythonInterpreter::Session>(pool->take(std::move(functions)));
          return std::make_shared<PythonInterpreter>(std::in_place, std::move(session));
        };
  }
  return [options = std::move(options)](std::vector<HostFunction> functions) {
    return std::make_shared<PythonInterpreter>(std::move(functions), options);
  };
}

}  // namespace dspy
