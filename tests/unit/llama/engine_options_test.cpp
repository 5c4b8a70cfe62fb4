#include "dspy/llama/engine.hpp"
#include "engine_fixture.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {
namespace {

using llama::EngineOptions;
using llama::FlashAttention;
using llama::KvType;
using test::EngineFixture;
using test::error_of;
using test::RandomModel;

TEST_CASE("every KV type and both kinds of attention compute; what libllama would refuse is refused by name") {
  const test::TempFolder folder;
  RandomModel{.width = 128, .hidden = 256}.write(folder / "model.gguf");
  const auto model = llama::Model::load(folder / "model.gguf", {.gpu_layers = 0});
  for (const auto type : {KvType::f16, KvType::q8_0, KvType::q4_0, KvType::f32}) {
    for (const auto attention : {FlashAttention::automatic, FlashAttention::on, FlashAttention::off}) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(static_cast<int>(attention));
      const EngineOptions options{.threads = 1, .kv_type = type, .flash_attention = attention};
      if (attention == FlashAttention::off && (type == KvType::q8_0 || type == KvType::q4_0)) {
        const auto error = error_of([&] { llama::Engine(model, options); });
        CHECK(error.code() == Errc::invalid_parameter);
        CHECK(std::string_view(error.what()).contains("needs flash attention"));
        continue;
      }
      llama::Engine engine(model, options);
      const llama::Generation work{.prompt = std::vector<llama::Token>(40, 72),
                                   .sampling = {.max_tokens = 8, .temperature = 0},
                                   .ignores_end = true};
      const auto first = wait(engine.generate(work)).text;
      const auto again = wait(engine.generate(work));
      CHECK(again.text == first);
      CHECK(again.usage.cache_read_tokens == 39);
    }
  }
}

TEST_CASE_FIXTURE(test::EmbeddedModel, "a step computed in small pieces gives the same reply") {
  const llama::Generation work{
      .prompt = model->tokenize(facts()), .sampling = {.max_tokens = 12, .temperature = 0}, .ignores_end = true};
  llama::Engine whole(model, {.context_length = 512, .threads = 1});
  const auto expected = wait(whole.generate(work)).text;
  for (const int pieces : {16, 100, 1000}) {
    CAPTURE(pieces);
    llama::Engine engine(model, {.context_length = 512, .threads = 1, .micro_batch = pieces});
    CHECK(wait(engine.generate(work)).text == expected);
  }
}

TEST_CASE("a KV budget in bytes holds as many tokens as the model's shape says") {
  const test::TempFolder folder;
  RandomModel{.context_length = 4096}.write(folder / "model.gguf");
  const auto model = llama::Model::load(folder / "model.gguf", {.gpu_layers = 0});
  // 2 layers of 2 heads of 16 numbers, for keys and for values.
  REQUIRE(model->info().kv_elements == 128);
  struct Case {
    KvType type;
    std::int64_t bytes;
    int tokens;
  };
  for (const auto& [type, bytes, tokens] :
       {Case{KvType::f16, 256 * 1024LL, 1024}, Case{KvType::f32, 256 * 1024LL, 512}}) {
    CAPTURE(static_cast<int>(type));
    const llama::Engine engine(model, {.threads = 1, .kv_bytes = bytes, .kv_type = type});
    CHECK(engine.options().kv_tokens == tokens);
    CHECK(engine.options().context_length == tokens);
  }
  const auto small = error_of([&] { llama::Engine(model, {.kv_bytes = 100}); });
  CHECK(small.code() == Errc::invalid_parameter);
  CHECK(std::string_view(small.what()).contains("one token of `random` takes 256"));
  CHECK(error_of([&] { llama::Engine(model, {.kv_tokens = 100, .kv_bytes = 100}); }).code() == Errc::invalid_parameter);
}

TEST_CASE_FIXTURE(EngineFixture, "a prompt that the budget cannot hold is refused, with the option to raise") {
  struct Case {
    EngineOptions options;
    std::string remedy;
  };
  for (const auto& [options, remedy] : {Case{{.kv_tokens = 100}, "or raise context_length or kv_tokens"},
                                        Case{{.kv_bytes = 100 * 256LL}, "or raise kv_bytes"},
                                        Case{{.context_length = 100, .kv_tokens = 200}, "or raise context_length"},
                                        Case{{.context_length = 4096}, "shorten it"}}) {
    CAPTURE(remedy);
    start(options);
    const auto error = error_of([&] { ask(std::string(5000, 'x')); });
    CHECK(error.code() == Errc::context_too_long);
    CHECK(std::string_view(error.what()).ends_with(remedy));
    CHECK(ask("Hi").text == "Hello!");
  }
}

TEST_CASE_FIXTURE(EngineFixture, "scores that are not numbers end the request, and the engine goes on") {
  for (const double temperature : {0.0, 1.0}) {
    CAPTURE(temperature);
    runtime.all_logits = std::nanf("");
    const auto error = error_of([&] { ask("Hi", {.temperature = temperature}); });
    CHECK(error.code() == Errc::inference_failed);
    CHECK(std::string_view(error.what()).contains("computed no usable scores"));
    runtime.all_logits.reset();
    CHECK(ask("Hi").text == "Hello!");
  }
}

TEST_CASE("devices that are not there are refused by name") {
  test::FakeRuntime runtime;
  const test::TempFolder folder;
  RandomModel{}.write(folder / "fake.gguf");
  const auto load = [&](std::vector<std::string> devices) {
    return llama::Model::load(folder / "fake.gguf", {.devices = std::move(devices)}, {}, &runtime);
  };

  const auto none = error_of([&] { load({"CUDA0"}); });
  runtime.device_list.push_back(
      {.name = "CUDA0", .backend = "CUDA", .kind = llama::DeviceKind::gpu, .memory_free = 8ULL << 30});
  const auto too_many = error_of([&] { load({"CUDA0", "CUDA1"}); });

  CHECK(none.code() == Errc::invalid_parameter);
  CHECK(std::string_view(none.what()).contains("no graphics card was found"));
  CHECK(too_many.code() == Errc::invalid_parameter);
  CHECK(std::string_view(too_many.what()) == "there is no device `CUDA1`; there is `CUDA0`");
  CHECK(load({"CUDA0"})->on_gpu());
}

TEST_CASE_FIXTURE(EngineFixture,
                  "what has no room in host memory goes to files, comes back, and starts the next engine") {
  const auto directory = folder / "prefixes";
  const EngineOptions options{.kv_tokens = 2000, .host_bytes = 0, .prefix_directory = directory};
  start(options);
  const auto long_question = [](char c) { return std::string(500, c); };

  for (const char c : {'a', 'b', 'c', 'd', 'e', 'f'}) ask(long_question(c), {.max_tokens = 5, .temperature = 0});
  const auto again = ask(long_question('a'), {.max_tokens = 5, .temperature = 0});
  const auto stats = engine->stats();
  start(options);
  const auto next = ask(long_question('b'), {.max_tokens = 5, .temperature = 0});

  CHECK(again.usage.cache_read_tokens > 500);
  CHECK(stats.spilled_tokens > 500);
  CHECK(stats.loaded_tokens > 500);
  CHECK(stats.file_bytes > 0);
  CHECK(stats.evicted_tokens == 0);
  CHECK(next.usage.cache_read_tokens > 500);

  SUBCASE("clear removes them") {
    engine->clear();
    CHECK(engine->stats().file_bytes == 0);
    CHECK(std::filesystem::is_empty(directory));
  }
  SUBCASE("an engine with other options starts without them, and leaves them alone") {
    const auto files = std::distance(std::filesystem::directory_iterator(directory), {});
    start({.kv_tokens = 2000, .kv_type = KvType::f32, .host_bytes = 0, .prefix_directory = directory});
    CHECK(ask(long_question('b')).usage.cache_read_tokens == 0);
    CHECK(std::distance(std::filesystem::directory_iterator(directory), {}) >= files);
  }
  SUBCASE("damaged and missing files are computed again") {
    engine.reset();
    int number = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory)) {
      if (++number % 2 == 0)
        std::filesystem::remove(file.path());
      else
        std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 3);
    }
    start(options);
    for (const char c : {'a', 'b', 'c', 'd', 'e', 'f'})
      CHECK(ask(long_question(c), {.max_tokens = 5, .temperature = 0}).text == "Hello");
  }
}

TEST_CASE_FIXTURE(EngineFixture,
                  "a prompt in a file that another leaves half-way is cut there, also for the next engine") {
  const EngineOptions options{.kv_tokens = 2000, .host_bytes = 0, .prefix_directory = folder / "prefixes"};
  const auto first = std::string(100, 'a') + std::string(400, 'b'), second = std::string(100, 'a') + "c";
  start(options);
  ask(first, {.max_tokens = 5, .temperature = 0});
  start(options);  // the prompt is in a file only
  ask(second, {.max_tokens = 5, .temperature = 0});
  CHECK(engine->stats().evicted_tokens == 0);
  start(options);

  CHECK(ask(first, {.max_tokens = 5, .temperature = 0}).usage.cache_read_tokens > 500);
  CHECK(ask(second, {.max_tokens = 5, .temperature = 0}).usage.cache_read_tokens > 100);
}

TEST_CASE_FIXTURE(EngineFixture, "files are kept within their bound, the least recently used go first") {
  start({.kv_tokens = 2000, .host_bytes = 0, .prefix_directory = folder / "prefixes", .file_bytes = 20'000});
  for (char c = 'a'; c <= 'z'; ++c) {
    ask(std::string(500, c), {.max_tokens = 5, .temperature = 0});
    CHECK(engine->stats().file_bytes <= 20'000);
  }
  CHECK(engine->stats().evicted_tokens > 0);
  CHECK(ask(std::string(500, 'y'), {.max_tokens = 5, .temperature = 0}).usage.cache_read_tokens > 500);
  CHECK(ask(std::string(500, 'a'), {.max_tokens = 5, .temperature = 0}).usage.cache_read_tokens < 100);
}

}  // namespace
}  // namespace dspy
