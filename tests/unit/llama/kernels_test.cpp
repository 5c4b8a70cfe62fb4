#include "dspy/llama/context_options.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/quantize.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers `llama:`)
#include "engine_fixture.hpp"
#include "support.hpp"
#include "support/exact_model.hpp"
#include "support/random_experts.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

/// A variable of the environment, as long as this lives.
struct Variable {
  Variable(const char* variable, const char* value) : name(variable) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  const char* name;
};

/// The same file, with each of the kernels, beside what it computes by its definition.
struct Both {
  explicit Both(const std::filesystem::path& file)
      : own(Model::load(file, {.gpu_layers = 0})),
        library(Model::load(file, {.gpu_layers = 0, .kernels = Kernels::library})),
        exact(file) {
    std::string text;
    for (int i = 0; i < 6; ++i) text += "Tom lives in Lima and Mara lives in Oslo. ";
    prompt = own->tokenize(text);
    continuation =
        own->tokenize("Mara works as a baker, and it rains; her brother, who is 41, sails to Lima on Monday.");
    expected = exact.score(prompt, continuation);
  }

  /// Root of the mean squared distance of the scores of the continuation's tokens from those of the definition.
  double error(const std::shared_ptr<const Model>& model, const EngineOptions& options) const {
    Engine engine(model, options);
    const auto scores = wait(engine.score({.prompt = prompt, .continuation = continuation})).tokens;
    REQUIRE(scores.size() == expected.size());
    double squares = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) squares += std::pow(scores[i] - expected[i], 2);
    return std::sqrt(squares / static_cast<double>(scores.size()));
  }

  /// Our kernels must not be further from the definition than the library's on the same processor. Both round, in other
  /// orders, so that of two equally good ones either may be a quarter further off by chance.
  void check(const EngineOptions& options, double allowed = 1.25) const {
    const auto ours = error(own, options);
    const auto theirs = error(library, options);
    CAPTURE(ours);
    CAPTURE(theirs);
    CHECK(ours <= allowed * theirs + 1e-3);
  }

  std::shared_ptr<const Model> own, library;
  test::ExactModel exact;
  std::vector<Token> prompt, continuation;
  std::vector<double> expected;
};

/// Small, with rows that every format can take.
test::RandomModel small_model() {
  return {
      .width = 256, .hidden = 512, .heads = 8, .kv_heads = 2, .context_length = 1024, .type = test::GgufWriter::f16};
}

/// A model's file in a format, made from one in whole numbers or halves.
std::filesystem::path in_format(const std::filesystem::path& whole, std::string_view type) {
  if (type == "f16") return whole;
  auto file = whole.parent_path() / (std::string(type) + ".gguf");
  quantize(whole, file, {.type = std::string(type), .threads = 1});
  return file;
}

TEST_CASE("own kernels are as near to the definition as the library's, in every format they read") {
  const test::TempFolder folder;
  small_model().write(folder / "whole.gguf");
  for (const std::string_view type : {"f16", "bf16", "q8_0", "q5_0", "q5_1", "q4_0", "q4_1", "q4_k_m", "q4_k_s",
                                      "q5_k_m", "q6_k", "iq4_nl", "iq4_xs"}) {
    CAPTURE(type);
    const Both both(in_format(folder / "whole.gguf", type));
    CHECK(both.own->kernels() == Kernels::automatic);
    CHECK(both.library->kernels() == Kernels::library);
    both.check({.context_length = 1024, .threads = 1});
    both.check({.context_length = 1024, .threads = 2, .micro_batch = 48});
  }
}

TEST_CASE("own kernels compute mixtures of experts as near to the definition as the library's") {
  const test::TempFolder folder;
  test::RandomExperts().write(folder / "whole.gguf");
  for (const std::string_view type : {"f16", "q8_0", "q4_k_m", "q6_k", "mxfp4_moe"}) {
    CAPTURE(type);
    const Both both(in_format(folder / "whole.gguf", type));
    both.check({.context_length = 1024, .threads = 1});
    both.check({.context_length = 1024, .threads = 2, .micro_batch = 48});
  }
}

TEST_CASE("weights may lie as in the file, as the library rearranges them, or in both ways") {
  const test::TempFolder folder;
  small_model().write(folder / "whole.gguf");
  for (const std::string_view type : {"q8_0", "q4_0", "q4_k_m"}) {
    CAPTURE(type);
    const auto file = in_format(folder / "whole.gguf", type);
    for (const char* const layout : {"plain", "repacked", "both"}) {
      CAPTURE(layout);
      const Variable variable("DSPY_WEIGHTS", layout);
      Both(file).check({.context_length = 1024, .threads = 2});
    }
  }
}

TEST_CASE("own kernels read keys and values in every format they may have") {
  const Both both(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf");
  for (const auto type : {KvType::f16, KvType::f32, KvType::q8_0, KvType::q4_0}) {
    CAPTURE(static_cast<int>(type));
    // Four bits leave so little of a key that which way it is rounded decides most of the distance.
    both.check({.context_length = 1024, .threads = 1, .kv_type = type}, type == KvType::q4_0 ? 2 : 1.25);
  }
  both.check({.context_length = 1024, .threads = 1, .flash_attention = FlashAttention::off});
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
