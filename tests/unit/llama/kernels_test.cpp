#include "dspy/llama/context_options.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/quantize.hpp"
#include "engine_fixture.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

/// The same file, with each of the kernels.
struct Both {
  explicit Both(const std::filesystem::path& file)
      : own(Model::load(file, {.gpu_layers = 0})),
        library(Model::load(file, {.gpu_layers = 0, .kernels = Kernels::library})) {}

  /// How far the scores of a text's tokens lie apart at most.
  double difference(const EngineOptions& options) const {
    std::string prompt;
    for (int i = 0; i < 12; ++i) prompt += "Tom lives in Lima and Mara lives in Oslo. ";
    const auto score = [&](const std::shared_ptr<const Model>& model) {
      Engine engine(model, options);
      return wait(engine.score({.prompt = model->tokenize(prompt),
                                .continuation = model->tokenize("Mara works as a baker, and it rains.")}));
    };
    const auto ours = score(own);
    const auto theirs = score(library);
    REQUIRE(ours.tokens.size() == theirs.tokens.size());
    double worst = 0;
    for (std::size_t i = 0; i < ours.tokens.size(); ++i)
      worst = std::max(worst, std::abs(ours.tokens[i] - theirs.tokens[i]));
    return worst;
  }

  std::shared_ptr<const Model> own, library;
};

TEST_CASE("own kernels compute what the library's do, in every format they read") {
  const test::TempFolder folder;
  test::RandomModel{.width = 256, .hidden = 512, .heads = 8, .kv_heads = 2, .context_length = 1024}.write(folder /
                                                                                                          "whole.gguf");
  for (const std::string_view type : {"f16", "q8_0", "q5_0", "q4_0", "q4_k_m"}) {
    CAPTURE(type);
    auto file = folder / "whole.gguf";
    if (type != "f16") {
      file = folder / (std::string(type) + ".gguf");
      quantize(folder / "whole.gguf", file, {.type = std::string(type), .threads = 1});
    }
    const Both both(file);
    CHECK(both.own->kernels() == Kernels::automatic);
    CHECK(both.library->kernels() == Kernels::library);
    // Scores are logarithms of probabilities, about -7 here; the library rounds sums over values to half floats.
    CHECK(both.difference({.context_length = 1024, .threads = 1}) < 0.06);
    CHECK(both.difference({.context_length = 1024, .threads = 2, .micro_batch = 48}) < 0.06);
  }
}

TEST_CASE("own kernels read keys and values in every format they may have") {
  const Both both(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf");
  // The library keeps sums over values in half floats, and its products with keys in whole numbers.
  for (const auto& [type, tolerance] :
       {std::pair{KvType::f16, 0.1}, {KvType::f32, 0.1}, {KvType::q8_0, 0.3}, {KvType::q4_0, 1.5}}) {
    CAPTURE(static_cast<int>(type));
    CHECK(both.difference({.context_length = 1024, .threads = 1, .kv_type = type}) < tolerance);
  }
  CHECK(both.difference({.context_length = 1024, .threads = 1, .flash_attention = FlashAttention::off}) < 0.1);
}

TEST_CASE("greedy replies of the embedded model are the same with own kernels and with the library's") {
  const Both both(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf");
  Engine own(both.own, {.threads = 2});
  Engine library(both.library, {.threads = 1});
  for (const std::string_view question :
       {"What is the capital of France?", "What is 17 + 25?", "Where does Mara live?", "Who lives in Lima?"}) {
    CAPTURE(question);
    const Generation request{
        .prompt = both.own->tokenize(Chat{{Role::user, test::EmbeddedModel::facts() + std::string(question)}}),
        .sampling = {.max_tokens = 24, .temperature = 0}};
    CHECK(wait(own.generate(request)).text == wait(library.generate(request)).text);
  }
}

TEST_CASE("a URI says whose kernels it wants") {
  const auto refused = error_of([] { static_cast<void>(lm("llama:dspy-tiny?kernels=mine")); });
  CHECK(refused.code() == Errc::config_error);
  CHECK(std::string_view(refused.what()) == "the option `kernels=mine` of a `llama:` URI needs `auto` or `library`");
}

}  // namespace
}  // namespace dspy::llama
