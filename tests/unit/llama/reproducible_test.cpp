#include "dspy/llama/engine.hpp"
#include "recording_runtime.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using llama::Engine;
using Bits = std::vector<std::uint64_t>;

/// The embedded model, and the bits of every score that is read.
struct Fixture {
  test::RecordingRuntime runtime;
  std::shared_ptr<const llama::Model> model =
      llama::Model::load(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf", {.gpu_layers = 0}, {}, &runtime);

  llama::Generation work(std::string_view name, int sentences, int reply = 12) const {
    std::string text;
    for (int i = 0; i < sentences; ++i) text += "Tom lives in Lima and Mara lives in Oslo, where it rains. ";
    text += std::string(name) + " writes:";
    return {.prompt = model->tokenize(text),
            .sampling = {.max_tokens = reply, .temperature = 1, .seed = 5},
            .ignores_end = true};
  }
  Bits bits_of(Engine& engine, llama::Generation request) {
    runtime.take();
    wait(engine.generate(std::move(request)));
    return runtime.take();
  }
};

TEST_CASE_FIXTURE(
    Fixture, "a reproducible engine computes the same bits alone, beside others, after others, and without reuse") {
  const auto request = work("Ann", 14);
  REQUIRE(request.prompt.size() > 150);
  Engine fresh(model, {.reproducible = true, .threads = 1});
  const auto expected = bits_of(fresh, request);
  REQUIRE(expected.size() == 12);

  SUBCASE("again, from known steps") {
    CHECK(bits_of(fresh, request) == expected);
    CHECK(fresh.stats().reused_tokens >= 128);
  }
  SUBCASE("without reuse") {
    Engine forgetful(model, {.reuse = false, .reproducible = true, .threads = 1});
    CHECK(bits_of(forgetful, request) == expected);
    CHECK(bits_of(forgetful, request) == expected);
  }
  SUBCASE("with another length of steps, cells and context asked for") {
    Engine other(model, {.context_length = 600,
                         .sequences = 3,
                         .reproducible = true,
                         .threads = 1,
                         .batch = 17,
                         .prefill_chunk = 5,
                         .kv_tokens = 900});
    CHECK(bits_of(other, request) == expected);
  }
  SUBCASE("after others, with prompts that start alike, shorter and longer, and after one was cancelled") {
    Engine busy(model, {.reproducible = true, .threads = 1});
    for (const auto& [name, sentences] :
         {std::pair{"Bob", 14}, std::pair{"Ann", 3}, std::pair{"Eve", 20}, std::pair{"Ann", 15}})
      wait(busy.generate(work(name, sentences, 30)));
    std::stop_source stopped;
    auto cancelled = work("Ann", 20);
    cancelled.stop = stopped.get_token();
    stopped.request_stop();
    CHECK(test::error_of([&] { wait(busy.generate(std::move(cancelled))); }).code() == Errc::cancelled);
    CHECK(bits_of(busy, request) == expected);
    CHECK(busy.stats().reused_tokens >= 128);
  }
  SUBCASE("where known prompts have no room in host memory") {
    Engine small(model, {.reproducible = true, .threads = 1, .host_bytes = 100'000});
    wait(small.generate(work("Bob", 14)));
    CHECK(bits_of(small, request) == expected);
  }
  SUBCASE("beside others") {
    Engine busy(model, {.reproducible = true, .threads = 1});
    runtime.take();
    {
      std::vector<std::jthread> callers;
      for (int i = 0; i < 6; ++i) callers.emplace_back([&, i] { wait(busy.generate(work("Bob", 5 + i))); });
      callers.emplace_back([&] { wait(busy.generate(request)); });
      for (int i = 0; i < 6; ++i) callers.emplace_back([&, i] { wait(busy.generate(work("Ann", 10 + i, 20))); });
    }
    const auto all = runtime.take();
    // One request runs at a time, so its rows stand together.
    CHECK_FALSE(std::ranges::search(all, expected).empty());
  }
}

TEST_CASE_FIXTURE(Fixture, "a reproducible engine starts from files with the same bits") {
  const test::TempFolder folder;
  const auto request = work("Ann", 14);
  Bits expected;
  {
    Engine first(model, {.reproducible = true, .threads = 1, .prefix_directory = folder / "prefixes"});
    expected = bits_of(first, request);
  }
  Engine second(model, {.reproducible = true, .threads = 1, .prefix_directory = folder / "prefixes"});

  CHECK(bits_of(second, request) == expected);

  CHECK(second.stats().loaded_tokens >= 128);
}

TEST_CASE_FIXTURE(Fixture, "a reproducible engine writes no prefixes by hand") {
  const test::TempFolder folder;
  Engine engine(model, {.reproducible = true, .threads = 1});

  const auto error = test::error_of([&] { wait(engine.save(model->tokenize("some prefix"), folder / "file")); });

  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what()).contains("prefix_directory"));
}

}  // namespace
}  // namespace dspy
