// Prompts of 32,000 tokens: the memory that was planned is what the process comes to hold.

#include "dspy/base/wait.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/memory_plan.hpp"
#include "dspy/llama/model_info.hpp"
#include "support/folder.hpp"
#include "support/random_model.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <format>
#include <fstream>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

/// Memory that the process holds, in bytes.
double resident() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE("a prompt of 32,000 tokens takes no more memory than was planned, in every format of keys and values") {
  const test::Folder folder;
  const auto file = folder.path / "embedded-shape.gguf";
  // The embedded model's shape, for a longer context.
  test::RandomModel{.layers = 6,
                    .width = 256,
                    .hidden = 512,
                    .heads = 8,
                    .kv_heads = 8,
                    .context_length = 33000,
                    .vocabulary = 4096,
                    .type = test::GgufWriter::q8_0}
      .write(file.string());
  const auto info = inspect_model(file);
  for (const auto& [type, name] :
       {std::pair(KvType::f16, "f16"), std::pair(KvType::q8_0, "q8_0"), std::pair(KvType::q4_0, "q4_0")}) {
    CAPTURE(name);
    const EngineOptions options{
        .context_length = 32768, .sequences = 1, .kv_tokens = 32768, .kv_type = type, .host_bytes = 0};
    const auto plan = plan_memory(info, options);
    const auto model = Model::load(file, {.gpu_layers = 0});
    const auto before = resident();
    Engine engine(model, options);
    std::vector<Token> prompt;
    for (int i = 0; i < 32000; ++i) prompt.push_back(static_cast<Token>(i * 7 % 250));
    const auto began = std::chrono::steady_clock::now();
    const auto reply = wait(engine.generate({.prompt = prompt, .sampling = {.max_tokens = 4, .temperature = 0}}));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto used = resident() - before;
    CHECK(*reply.usage.prompt_tokens == 32000);
    CHECK(used <= static_cast<double>(plan.context()) + 16e6);
    CHECK(used >= 0.5 * static_cast<double>(plan.context()));
    MESSAGE(std::format("{}: planned {:.0f} MB beside the weights, held {:.0f} MB, {:.1f} s", name,
                        static_cast<double>(plan.context()) / 1e6, used / 1e6, took.count()));
  }
}

}  // namespace
}  // namespace dspy::llama
