#pragma once

#include "dspy/llama/engine.hpp"
#include "fake_runtime.hpp"
#include "support.hpp"

#include <filesystem>
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
  llama::Generated ask(std::string question, Sampling sampling = {.temperature = 0}) {
    return wait(engine->generate(asks(std::move(question), std::move(sampling))));
  }
};

/// The embedded model, and something of the kind it was trained on, long enough to be worth sharing.
struct EmbeddedModel {
  std::shared_ptr<const llama::Model> model =
      llama::Model::load(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf", {.gpu_layers = test::gpu_layers()});

  static std::string facts() {
    std::string text;
    for (int i = 0; i < 8; ++i) text += "Tom lives in Lima and Mara lives in Oslo, where it rains. ";
    return text;
  }
};

}  // namespace dspy::test
