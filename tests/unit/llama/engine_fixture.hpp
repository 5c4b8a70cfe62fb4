#pragma once

#include "dspy/llama/engine.hpp"
#include "fake_runtime.hpp"
#include "support.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dspy::test {

/// An engine over a model that answers as it is told.
struct EngineFixture {
  FakeRuntime runtime;
  TempFolder folder;
  std::shared_ptr<const llama::Model> model;
  std::optional<llama::Engine> engine;

  EngineFixture() {
    RandomModel{.context_length = 4096}.write(folder / "fake.gguf");
    model = llama::Model::load(folder / "fake.gguf", {}, {}, &runtime);
    start();
  }

  void start(llama::EngineOptions options = {}) {
    engine.reset();
    engine.emplace(model, options);
  }

  llama::Generation asks(std::string question, Sampling sampling = {.temperature = 0}) const {
    return {.prompt = model->tokenize(Chat{{Role::user, std::move(question)}}), .sampling = std::move(sampling)};
  }
  Reply ask(std::string question, Sampling sampling = {.temperature = 0}) {
    return wait(engine->generate(asks(std::move(question), std::move(sampling))));
  }
};

}  // namespace dspy::test
