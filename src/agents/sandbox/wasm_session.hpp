#pragma once

#include "agents/sandbox/session.hpp"
#include "agents/sandbox/wasm_image.hpp"
#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dspy {

struct WasmInterpreter::Session final : sandbox::Session {
  Session(std::vector<HostFunction> functions, WasmOptions options);

  std::unique_ptr<process::Child> started(process::Child::Handlers handlers) override;
  std::string accepted(const interpreter::Ready& ready) override;
  void not_started() override { image.settle("refused"); }
  std::string remedy() const override;
  std::string program() const override { return options.node; }

  const WasmOptions options;
  sandbox::WasmImage image;
  bool is_wrapped = false;
};

}  // namespace dspy
