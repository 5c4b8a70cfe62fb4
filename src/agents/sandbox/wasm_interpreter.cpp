#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include "agents/sandbox/wasm_session.hpp"

#include <utility>

namespace dspy {

WasmInterpreter::WasmInterpreter(std::vector<HostFunction> functions, WasmOptions options)
    : session_(std::make_shared<Session>(std::move(functions), std::move(options))) {}

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

InterpreterFactory wasm_interpreters(WasmOptions options) {
  return [options = std::move(options)](std::vector<HostFunction> functions) {
    return std::make_shared<WasmInterpreter>(std::move(functions), options);
  };
}

}  // namespace dspy
