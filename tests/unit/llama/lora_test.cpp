#include "dspy/llama/engine.hpp"
#include "engine_fixture.hpp"
#include "llama/engine/scheduler.hpp"
#include "support.hpp"
#include "support/random_lora.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace dspy {
namespace {

using namespace std::chrono_literals;
using llama::Lora;
using test::error_of;
using test::RandomLora;
using test::RandomModel;

/// A real model and two adapters for it.
struct Fixture {
  test::TempFolder folder;
  std::string one = folder / "one.gguf", two = folder / "two.gguf";
  std::shared_ptr<const llama::Model> model;

  Fixture() {
    RandomModel{}.write(folder / "model.gguf");
    RandomLora{.seed = 1}.write(one);
    RandomLora{.seed = 2}.write(two);
    model = llama::Model::load(folder / "model.gguf", {.gpu_layers = test::gpu_layers()});
  }

  static llama::Generation work(std::vector<Lora> loras = {}) {
    return {.prompt = {72, 101, 108, 108, 111, 44, 32, 119, 111, 114, 108, 100, 33, 32, 65, 66, 67, 68, 69, 70},
            .sampling = {.max_tokens = 24, .temperature = 0, .repeat_penalty = 1},
            .loras = std::move(loras),
            .ignores_end = true};
  }
  std::string alone(std::vector<Lora> loras) const {
    llama::Engine engine(model, {.threads = 1});
    return wait(engine.generate(work(std::move(loras)))).text;
  }
};

TEST_CASE_FIXTURE(Fixture, "a LoRA adapter changes replies by its scale, and only of the requests that name it") {
  const auto plain = alone({});

  CHECK(alone({{one}}) != plain);
  CHECK(alone({{two}}) != alone({{one}}));
  CHECK(alone({{one, -1}}) != alone({{one}}));
  CHECK(alone({{one, 0}}) == plain);
  CHECK(alone({{one}, {two}}) == alone({{two}, {one}}));
}

TEST_CASE_FIXTURE(Fixture, "requests with different adapters run beside and after each other as if alone") {
  const std::vector<std::vector<Lora>> sets = {{}, {{one}}, {{two, 0.5}}, {{one}, {two}}};
  std::vector<std::string> expected;
  for (const auto& set : sets) expected.push_back(alone(set));
  llama::Engine engine(model, {.threads = 1});

  for (int round = 0; round < 2; ++round) {  // the second finds prompts known, each under its own adapters
    CAPTURE(round);
    std::vector<std::string> replies(sets.size() * 3);
    {
      std::vector<std::jthread> callers;
      for (std::size_t i = 0; i < replies.size(); ++i)
        callers.emplace_back([&, i] { replies[i] = wait(engine.generate(work(sets[i % sets.size()]))).text; });
    }
    for (std::size_t i = 0; i < replies.size(); ++i) {
      CAPTURE(i);
      CHECK(replies[i] == expected[i % sets.size()]);
    }
  }

  CHECK(engine.stats().lora_switches >= 3);
  CHECK(engine.stats().reused_tokens > 0);
}

TEST_CASE_FIXTURE(Fixture, "an adapter that is not there, is none, or fits another model is refused by name") {
  RandomLora{.architecture = "qwen2"}.write(folder / "qwen.gguf");
  RandomLora{.width = 128}.write(folder / "wide.gguf");
  struct Case {
    std::string file;
    Errc code;
    std::string message;
  };
  llama::Engine engine(model, {.threads = 1});
  for (const auto& [file, code, message] :
       {Case{"absent.gguf", Errc::model_not_found, "there is no LoRA adapter `"},
        Case{"model.gguf", Errc::model_load_error, "is not a LoRA adapter"},
        Case{"qwen.gguf", Errc::invalid_parameter, "was made for `qwen2` models and `random` is a `llama`"},
        Case{"wide.gguf", Errc::invalid_parameter, "does not fit `random`"}}) {
    CAPTURE(file);
    const auto error = error_of([&] { wait(engine.generate(work({{folder / file}}))); });
    CAPTURE(error.what());
    CHECK(error.code() == code);
    CHECK(std::string_view(error.what()).contains(message));
  }
  CHECK(error_of([&] { wait(engine.generate(work({{one, std::nan("")}}))); }).code() == Errc::invalid_parameter);
  CHECK_FALSE(wait(engine.generate(work({{one}}))).text.empty());
}

TEST_CASE_FIXTURE(Fixture, "LMs of one file with different adapters share an engine; a wrong adapter is told at once") {
  const auto pool = std::make_shared<llama::ModelPool>();
  const auto options = [&](std::vector<Lora> loras) {
    return LlamaOptions{.sampling = {.max_tokens = 24, .temperature = 0},
                        .engine = {.threads = 1},
                        .model = {.gpu_layers = test::gpu_layers()},
                        .loras = std::move(loras),
                        .pool = pool};
  };
  LlamaLM plain(folder / "model.gguf", options({}));
  LlamaLM adapted(folder / "model.gguf", options({{one, 2}}));
  const auto named = lm(
      std::format("llama:{}?lora={}:2&gpu_layers=0&threads=1&max_tokens=24&temperature=0", folder / "model.gguf", one));

  const auto text = [](LM& lm) { return wait(lm.complete(test::ask("Hello"))).text(); };

  CHECK(&plain.engine() == &adapted.engine());
  CHECK(text(plain) != text(adapted));
  CHECK(text(*named) == text(adapted));
  CHECK(error_of([&] { LlamaLM(folder / "model.gguf", options({{folder / "absent.gguf"}})); }).code() ==
        Errc::model_not_found);
}

TEST_CASE_FIXTURE(test::EngineFixture, "prompts are remembered for so many sets of adapters, those used last") {
  test::RandomLora{}.write(folder / "one.gguf");
  const auto ask_with = [&](double scale) {
    auto work = asks("question");
    if (scale != 0) work.loras = {{folder / "one.gguf", scale}};
    return wait(engine->generate(std::move(work))).usage.cache_read_tokens;
  };
  const auto known = [&] { return engine->stats().cached_tokens + engine->stats().host_bytes / 8; };
  CHECK(ask_with(0) == 0);
  const auto one = known();
  constexpr auto most = llama::Scheduler::most_groups;

  for (int i = 1; i <= 200; ++i) CHECK(ask_with(i / 100.0) == 0);

  CHECK(known() == most * one);
  CHECK(ask_with(2) > 0);
  CHECK(ask_with(0) > 0);  // without any stays
  CHECK(ask_with(0.01) == 0);
  CHECK(known() == most * one);
}

TEST_CASE_FIXTURE(test::EngineFixture,
                  "requests with different adapters take turns, and none waits for the end of others") {
  test::RandomLora{.seed = 1}.write(folder / "one.gguf");
  test::RandomLora{.seed = 2}.write(folder / "two.gguf");
  runtime.answer = std::string(200, 'x');
  runtime.step_time = 200us;
  std::atomic<int> ended = 0;
  std::vector<int> order(3);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < 3; ++i) {
      callers.emplace_back([&, i] {
        auto work = asks("question", {.max_tokens = i == 2 ? 4 : 200, .temperature = 0});
        if (i > 0) work.loras = {{folder / (i == 1 ? "one.gguf" : "two.gguf")}};
        wait(engine->generate(std::move(work)));
        order[i] = ++ended;
      });
      std::this_thread::sleep_for(5ms);
    }
  }
  CHECK(order[2] == 1);  // came last, had least to do
  CHECK(engine->stats().lora_switches > 3);
}

}  // namespace
}  // namespace dspy
