#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include "agents/sandbox/ready_sessions.hpp"
#include "agents/sandbox/wasm_session.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace dspy {

WasmInterpreter::WasmInterpreter(std::vector<HostFunction> functions, WasmOptions options)
    : session_(std::make_shared<Session>(std::move(functions), std::move(options))) {}

WasmInterpreter::WasmInterpreter(std::in_place_t, std::shared_ptr<Session> session) noexcept
    : session_(std::move(session)) {}

WasmInterpreter::~WasmInterpreter() = default;

Async<Execution> WasmInterpreter::execute(ExecuteRequest request) {
  return sandbox::run(session_, std::move(request));
}

std::string WasmInterpreter::protection() const {
  return sandbox::protection(*session_);
}

void WasmInterpreter::prepare() {
  const sandbox::Turn turn(session_);
  session_->start();
}

std::optional<std::string> wasm_problem(const WasmOptions& options) {
  WasmInterpreter interpreter({}, options);
  return sandbox::problem_of(interpreter);
}

InterpreterFactory wasm_interpreters(WasmOptions options, std::size_t ready) {
  if (ready != 0) {
    auto make = [options = std::move(options)] {
      return std::make_shared<WasmInterpreter::Session>(std::vector<HostFunction>(), options);
    };
    return
        [pool = std::make_shared<sandbox::ReadySessions>(ready, std::move(make))](std::vector<HostFunction> functions) {
          auto session = std::static_pointer_cast<WasmInterpreter::Session>(pool->take(std::move(functions)));
          return std::make_shared<WasmInterpreter>(std::in_place, std::move(session));
        };
  }
  return [options = std::move(options)](std::vector<HostFunction> functions) {
    return std::make_shared<WasmInterpreter>(std::move(functions), options);
  };
}

}  // namespace dspy
