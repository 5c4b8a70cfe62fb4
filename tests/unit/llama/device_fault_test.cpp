// Graphics cards that have no room or go away, over a library without arithmetic.
#include "llama/model/device_fault.hpp"

#include "dspy/base/log.hpp"
#include "dspy/llama/engine.hpp"
#include "fake_runtime.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

/// A machine with a card, and what is logged of it.
struct Card {
  test::FakeRuntime runtime;
  test::TempFolder folder;
  std::vector<std::string> warnings;

  Card() {
    test::RandomModel{.layers = 4}.write(folder / "model.gguf");
    runtime.device_list.push_back({.name = "CUDA0",
                                   .description = "a card",
                                   .backend = "CUDA",
                                   .kind = DeviceKind::gpu,
                                   .memory_free = 8ULL << 30,
                                   .memory_total = 8ULL << 30});
    set_log_sink([this](LogLevel, std::string_view, std::string_view text) { warnings.emplace_back(text); },
                 LogLevel::warning);
  }
  ~Card() { set_log_sink({}); }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  std::shared_ptr<const Model> load(ModelOptions options = {}) {
    return Model::load(folder / "model.gguf", std::move(options), {}, &runtime);
  }
};

bool says(const Error& error, std::string_view text) {
  return std::string_view(error.what()).contains(text);
}

TEST_CASE("what drivers say of a card without room, and of one that is gone, is understood") {
  for (const std::string_view text : {"CUDA error: out of memory", "vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
                                      "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 512.00 MiB on device 0: "
                                      "cudaMalloc failed: out of memory",
                                      "unable to allocate Vulkan0 buffer"}) {
    CAPTURE(text);
    CHECK(device_fault(text) == DeviceFault::memory);
  }
  for (const std::string_view text : {"vk::Queue::submit: ErrorDeviceLost", "CUDA error: unspecified launch failure"})
    CHECK(device_fault(text) == DeviceFault::lost);
  CHECK(device_fault("the file is damaged") == DeviceFault::none);
}

TEST_CASE_FIXTURE(Card, "layers that do not fit after all are tried in smaller numbers, which is told") {
  int tries = 0;
  runtime.on_load = [&] {
    if (++tries < 3) throw Error(Errc::model_load_error, "unable to allocate CUDA0 buffer");
  };
  const auto model = load();
  CHECK(tries == 3);
  CHECK(model->placement() == "1 of 5 layers on a graphics card, since more did not fit");
  CHECK(model->on_gpu());
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].starts_with("5 of 5 layers of `random` do not fit on the graphics card"));
  CHECK(warnings[1].ends_with("trying 1"));
}

TEST_CASE_FIXTURE(Card, "a card without any room leaves the model to the processor") {
  int tries = 0;
  runtime.on_load = [&] {
    if (++tries < 4) throw Error(Errc::model_load_error, "cudaMalloc failed: out of memory");
  };
  const auto model = load();
  CHECK(model->placement() == "the processor, since the graphics card had no room");
  CHECK_FALSE(model->on_gpu());
}

TEST_CASE_FIXTURE(Card, "as many layers as were asked for must fit") {
  runtime.on_load = [] { throw Error(Errc::model_load_error, "cudaMalloc failed: out of memory"); };
  const auto error = error_of([&] { load({.gpu_layers = 3}); });
  CHECK(error.code() == Errc::model_load_error);
  CHECK(says(error, "3 of 5 layers on CUDA0"));
  CHECK(says(error, "gpu_layers"));
}

TEST_CASE_FIXTURE(Card, "where the card has no room for what is computed of prompts, the machine's memory takes it") {
  const auto model = load();
  int tries = 0;
  runtime.on_context = [&] {
    if (++tries == 1) throw Error(Errc::backend_error, "failed to allocate buffer for kv cache");
  };
  Engine engine(model, {.threads = 1});
  CHECK(engine.options().kv_on_host);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].contains("machine's memory"));
  CHECK(runtime.kv_on_host);

  runtime.on_context = [] { throw Error(Errc::backend_error, "failed to allocate buffer for kv cache"); };
  const auto error = error_of([&] { Engine(model, {.threads = 1}); });
  CHECK(says(error, "has no room left on its device"));
}

TEST_CASE_FIXTURE(Card, "a card that is lost fails what runs on it, says so, and may come back") {
  const auto model = load();
  Engine engine(model, {.threads = 1});
  const Generation request{.prompt = model->tokenize(Chat{{Role::user, "Hello?"}}), .sampling = {.temperature = 0}};
  runtime.on_decode = []() -> DecodeStatus {
    throw Error(Errc::backend_error,
                "the inference library failed while computing: vk::Queue::submit: ErrorDeviceLost");
  };
  const auto error = error_of([&] { wait(engine.generate(request)); });
  CHECK(error.code() == Errc::backend_error);
  CHECK(says(error, "was lost"));
  CHECK(says(error, "gpu_layers=0"));

  // The card does not come back: no context can be made.
  runtime.on_context = [] { throw Error(Errc::backend_error, "ErrorDeviceLost"); };
  CHECK(says(error_of([&] { wait(engine.generate(request)); }), "was lost"));
  runtime.on_context = {};
  runtime.on_decode = {};
  CHECK(wait(engine.generate(request)).text == "Hello!");
}

TEST_CASE_FIXTURE(Card, "layers are spread over several cards, and more fits on two than on one") {
  runtime.device_list.push_back({.name = "CUDA1",
                                 .description = "another card",
                                 .backend = "CUDA",
                                 .kind = DeviceKind::gpu,
                                 .memory_free = 8ULL << 30,
                                 .memory_total = 8ULL << 30});
  std::vector<std::size_t> used;
  runtime.on_load_options = [&](const RuntimeLoadOptions& options) { used = options.devices; };
  CHECK(load()->placement() == "all 5 layers on CUDA0, CUDA1");
  CHECK(used == std::vector<std::size_t>{1, 2});
  CHECK(load({.devices = {"CUDA1"}})->placement() == "all 5 layers on CUDA1");
  CHECK(used == std::vector<std::size_t>{2});
}

}  // namespace
}  // namespace dspy::llama
