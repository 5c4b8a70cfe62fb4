#include "dspy/llama/memory_plan.hpp"

#include "dspy/base/log.hpp"
#include "dspy/llama/model_info.hpp"
#include "dspy/llama/model_pool.hpp"
#include "support.hpp"
#include "support/random_memories.hpp"
#include "support/random_senses.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

const std::filesystem::path tiny = std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf";

/// What the library logs of its buffers while `work` runs, in bytes.
template <class F>
std::map<std::string, double> buffers_of(F&& work) {
  std::mutex mutex;
  std::map<std::string, double> sizes;
  set_log_sink(
      [&](LogLevel, std::string_view, std::string_view line) {
        // "…: CPU KV buffer size = 96.00 MiB"
        const auto end = line.find("buffer size =");
        if (end == line.npos) return;
        for (const std::string_view kind : {"KV", "RS", "compute", "output"}) {
          if (!line.substr(0, end).ends_with(std::string(kind) + " ")) continue;
          auto number = line.substr(end + std::string_view("buffer size =").size());
          number.remove_prefix(std::min(number.find_first_not_of(' '), number.size()));
          double mebibytes = 0;
          std::from_chars(number.data(), number.data() + number.size(), mebibytes);
          const std::scoped_lock lock(mutex);
          sizes[kind == "RS" ? "KV" : std::string(kind)] += mebibytes * (1 << 20);
        }
      },
      LogLevel::debug);
  struct Restore {
    Restore() = default;
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;
    ~Restore() { set_log_sink({}); }
  };
  {
    const Restore restore;
    work();
  }
  return sizes;
}

TEST_CASE("a plan is what the library takes for keys and values, and no less for scores and to compute with") {
  const test::TempFolder folder;
  test::RandomModel{
      .layers = 2, .width = 256, .hidden = 1024, .heads = 8, .kv_heads = 2, .context_length = 40000, .vocabulary = 8000}
      .write(folder / "wide.gguf");
  test::window_model(32).write(folder / "window.gguf");
  test::state_model().write(folder / "state.gguf");
  struct Case {
    std::filesystem::path file;
    EngineOptions options;
  };
  const std::vector<Case> cases = {
      {tiny, {.threads = 1}},
      {tiny, {.sequences = 1, .threads = 1, .micro_batch = 64}},
      {tiny, {.threads = 1, .kv_type = KvType::q8_0}},
      {folder / "wide.gguf", {.threads = 1}},
      {folder / "wide.gguf", {.context_length = 32768, .sequences = 4, .threads = 1, .kv_type = KvType::q8_0}},
      {folder / "wide.gguf", {.context_length = 2048, .sequences = 2, .threads = 1, .batch = 64}},
      {folder / "window.gguf", {.threads = 1}},
      {folder / "window.gguf", {.context_length = 1024, .sequences = 4, .threads = 1, .kv_type = KvType::q8_0}},
      {folder / "state.gguf", {.threads = 1}},
      {folder / "state.gguf", {.sequences = 2, .threads = 1}},
  };
  for (const auto& [file, options] : cases) {
    CAPTURE(file.string());
    const auto plan = plan_memory(inspect_model(file), options);
    const auto model = Model::load(file, {.gpu_layers = 0});
    auto used = buffers_of([&] { const Engine engine(model, options); });
    if (used.empty()) {
      MESSAGE("skipped: the library logs no sizes");
      return;
    }
    CAPTURE(plan.scratch);
    CAPTURE(used["compute"]);
    // Which it logs with two decimals of a MiB.
    CHECK(std::abs(static_cast<double>(plan.kv) - used["KV"]) <= 0.01 * used["KV"] + 0.005 * (1 << 20));
    // The library takes room for more rows when they are first asked for.
    CHECK(static_cast<double>(plan.scores) >= 0.99 * used["output"]);
    CHECK(static_cast<double>(plan.scores) <= 2 * used["output"] + (1 << 20));
    CHECK(static_cast<double>(plan.scratch) >= used["compute"]);
    CHECK(static_cast<double>(plan.scratch) <= 3 * used["compute"] + (1 << 20));
  }
}

TEST_CASE("the image or audio part that a model would be loaded with is in its plan, and in what a pool may hold") {
  const test::TempFolder folder;
  test::RandomModel{}.write(folder / "fox.gguf");
  const auto alone = plan_memory(inspect_model(folder / "fox.gguf"));
  CHECK(alone.senses == 0);
  CHECK(alone.media == 0);

  test::RandomSenses{}.write(folder / "mmproj-fox.gguf");
  const auto part = std::filesystem::file_size(folder / "mmproj-fox.gguf");
  const auto info = inspect_model(folder / "fox.gguf");
  const auto both = plan_memory(info);
  CHECK(both.senses == part);
  CHECK(both.total() == alone.total() + part);
  CHECK(both.media == MediaOptions().cache_bytes);
  CHECK(plan_memory(info, {}, {.mmproj = "none"}).senses == 0);
  CHECK(plan_memory(info, {}, {.mmproj = folder / "nowhere.gguf"}).senses == 0);

  ModelPool pool({.directories = {}, .max_bytes = info.file_bytes + part - 1});
  CHECK(error_of([&] { pool.load(folder / "fox.gguf", {.gpu_layers = 0}); }).code() == Errc::model_load_error);
  CHECK(pool.load(folder / "fox.gguf", {.gpu_layers = 0, .media = {.mmproj = "none"}}) != nullptr);
}

TEST_CASE("a plan follows the options, and refuses what cannot be told") {
  const auto info = inspect_model(tiny);
  const auto plan = plan_memory(info);
  CHECK(plan.weights == info.weight_bytes);
  CHECK(plan.total() == plan.weights + plan.kv + plan.scratch + plan.scores);
  CHECK(plan_memory(info, {.kv_type = KvType::f32}).kv == 2 * plan.kv);
  CHECK(plan_memory(info, {.kv_tokens = 512}).kv_tokens == 512);
  CHECK(plan_memory(info, {.host_bytes = 0}).host == 0);

  CHECK(error_of([&] { plan_memory(info, {.batch = 0}); }).code() == Errc::invalid_parameter);
  auto silent = info;
  CHECK(silent.state_elements == 0);
  silent.kv_elements = 0;
  CHECK(error_of([&] { plan_memory(silent); }).code() == Errc::invalid_parameter);
}

}  // namespace
}  // namespace dspy::llama
