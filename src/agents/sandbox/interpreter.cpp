#include "dspy/agents/sandbox/interpreter.hpp"

#include "dspy/base/wait.hpp"

#include <utility>

namespace dspy {
std::string_view to_string(Execution::End end) noexcept {
  switch (end) {
    case Execution::End::finished: return "finished";
    case Execution::End::submitted: return "submitted";
    case Execution::End::raised: return "raised";
    case Execution::End::timed_out: return "timed_out";
    case Execution::End::crashed: return "crashed";
  }
  return "";
}

Execution Interpreter::operator()(std::string code, JsonObject variables) {
  return wait(execute({.code = std::move(code), .variables = std::move(variables)}));
}

}  // namespace dspy
