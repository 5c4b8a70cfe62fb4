#pragma once

#include "agents/sandbox/session.hpp"
#include "dspy/agents/sandbox/python_interpreter.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dspy {

struct PythonInterpreter::Session final : sandbox::Session {
  Session(std::vector<HostFunction> functions, PythonOptions options);

  std::unique_ptr<process::Child> started(process::Child::Handlers handlers) override;
  std::string accepted(const interpreter::Ready& ready) override;
  std::string remedy() const override;
  std::string program() const override { return options.python; }

  const PythonOptions options;
};

}  // namespace dspy
