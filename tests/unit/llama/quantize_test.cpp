#include "dspy/llama/quantize.hpp"

#include "fake_runtime.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace dspy {
namespace {

using test::error_of;
using test::GgufWriter;
using test::RandomModel;

TEST_CASE("quantize writes a model of the type that was asked for, which loads and is smaller") {
  const test::TempFolder folder;
  RandomModel{.width = 256, .hidden = 512, .vocabulary = 512, .type = GgufWriter::f16}.write(folder / "whole.gguf");

  // On one thread: of libllama's own threads the thread sanitizer sees half.
  llama::quantize(folder / "whole.gguf", folder / "small.gguf", {.type = "Q4_K_M", .threads = 1});

  const auto info = llama::inspect_model(folder / "small.gguf");
  CHECK(info.quantization.contains("Q4_K"));
  CHECK(info.file_bytes < std::filesystem::file_size(folder / "whole.gguf") / 2);
  CHECK(llama::Model::load(folder / "small.gguf", {.gpu_layers = 0})->vocabulary_size() == 512);
}

TEST_CASE("quantize refuses what it cannot do, and leaves no file behind") {
  const test::TempFolder folder;
  test::FakeRuntime runtime;
  RandomModel{}.write(folder / "model.gguf");
  runtime.on_quantize = [](const auto&) { throw Error(Errc::model_load_error, "unsupported tensor"); };
  const auto fails = [&](const std::string& from, const std::string& to, const std::string& type) {
    return error_of([&] { llama::quantize(from, to, {.type = type, .runtime = &runtime}); });
  };

  const auto unknown = fails(folder / "model.gguf", folder / "new.gguf", "q8_1");
  CHECK(unknown.code() == Errc::invalid_parameter);
  CHECK(std::string_view(unknown.what()) == "there is no quantization `q8_1`; did you mean `q8_0`?");
  CHECK(fails(folder / "none.gguf", folder / "new.gguf", "q8_0").code() == Errc::model_not_found);
  CHECK(fails(folder / "model.gguf", folder / "model.gguf", "q8_0").code() == Errc::invalid_parameter);
  const auto failed = fails(folder / "model.gguf", folder / "new.gguf", "q8_0");
  CHECK(failed.code() == Errc::model_load_error);
  CHECK(std::string_view(failed.what()).contains("unsupported tensor"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a model's tensors, not its name, say whether the processor runs it fast") {
  struct Case {
    std::vector<llama::ModelInfo::Weights> weights;
    bool has_amx, has_vnni;
    double fast_part;
    std::string better;
  };
  const std::vector<Case> cases = {
      {{{"Q8_0", 1, 500}}, true, false, 1, ""},
      // What llama-quantize makes of Qwen2.5-0.5B under the name Q4_K_M.
      {{{"Q5_0", 132, 230}, {"Q8_0", 13, 130}, {"Q6_K", 1, 10}}, true, false, 140.0 / 370, "q4_0"},
      {{{"Q5_0", 132, 230}, {"Q8_0", 13, 130}, {"Q6_K", 1, 10}}, false, true, 360.0 / 370, ""},
      {{{"F16", 10, 800}}, true, false, 0, "q8_0"},
      {{{"Q4_K", 10, 900}, {"F32", 10, 1}}, false, false, 1, ""},
      {{{"Q5_K", 10, 900}}, false, true, 0, "q4_0"},
  };
  for (const auto& [weights, has_amx, has_vnni, fast_part, better] : cases) {
    CAPTURE(weights.front().type);
    llama::ModelInfo model{.parameters = weights.front().type == "F16" ? 400U : 500U, .weights = weights};
    for (const auto& each : weights) model.weight_bytes += each.bytes;
    if (better == "q4_0") model.parameters = model.weight_bytes * 8 / 6;
    llama::Hardware hardware{.devices = {{.name = "CPU", .kind = llama::Device::Kind::cpu}}};
    hardware.host.has_amx = has_amx;
    hardware.host.has_vnni = has_vnni;

    const auto advice = llama::quantization_advice(model, hardware);

    CHECK(advice.fast_part == doctest::Approx(fast_part));
    CHECK(advice.better == better);
    CHECK_FALSE(advice.words.empty());
  }
}

}  // namespace
}  // namespace dspy
