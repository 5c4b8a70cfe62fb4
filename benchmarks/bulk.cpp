// What a bulk run costs beside its program: 100,000 rows over 8 shards on a scripted LM, the same rows without a run,
// and how long a run of a million rows takes to find its first new row when it is resumed.

#include "dspy/bulk/run.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <ios>
#include <memory>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

struct Setting {
  std::filesystem::path folder;
  dspy::Signature signature = dspy::Signature::parse("question -> answer");
  std::function<void()> asked = [] {};
  dspy::Program program;
  dspy::BulkJob job;

  explicit Setting(std::size_t rows)
      : folder(std::filesystem::temp_directory_path() / std::format("dspy-bench-bulk-{}", rows)),
        program(make_program()) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::ofstream out(folder / "in.jsonl", std::ios::binary);
    for (std::size_t i = 0; i < rows; ++i)
      out << std::format("{{\"question\": \"Which town is number {} of the list of towns?\"}}\n", i);
    job = {.signature = signature,
           .version = dspy::program_version(program),
           .inputs = folder / "in.jsonl",
           .out = folder / "out"};
  }
  ~Setting() { std::filesystem::remove_all(folder); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  dspy::Program make_program() {
    auto lm = std::make_shared<dspy::ScriptedLM>([this](const dspy::Request&) {
      asked();
      return std::string("Answer: Rome");
    });
    lm->remember(false);
    return dspy::Predictor(signature, {.lm = lm});
  }
};

void rows_of_a_run(benchmark::State& state) {
  constexpr std::size_t rows = 100'000, shards = 8;
  Setting setting(rows);
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove_all(setting.job.out);
    state.ResumeTiming();
    for (std::size_t i = 0; i < shards; ++i) {
      const auto report = dspy::run_bulk(setting.program, setting.job, {.shard = {.index = i, .count = shards}});
      if (!report.is_complete) state.SkipWithError("a shard is not complete");
    }
  }
  state.counters["per_row"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(rows_of_a_run)->Unit(benchmark::kMillisecond)->Iterations(1);

void rows_without_a_run(benchmark::State& state) {
  constexpr std::size_t rows = 100'000;
  Setting setting(1);
  for (auto _ : state) {
    for (std::size_t i = 0; i < rows; ++i)
      benchmark::DoNotOptimize(
          setting.program({{"question", std::format("Which town is number {} of the list of towns?", i)}}));
  }
  state.counters["per_row"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(rows_without_a_run)->Unit(benchmark::kMillisecond)->Iterations(1);

void first_new_row_of_a_million(benchmark::State& state) {
  constexpr std::uint64_t rows = 1'000'000;
  Setting setting(rows + 1);
  dspy::run_bulk(setting.program, setting.job, {.max_rows = rows});
  auto first = Clock::time_point();
  setting.asked = [&] { first = Clock::now(); };
  for (auto _ : state) {
    const auto begun = Clock::now();
    const auto report = dspy::run_bulk(setting.program, setting.job, {.resume = true});
    if (report.resumed != rows || report.rows != 1) state.SkipWithError("not one row was new");
    state.SetIterationTime(std::chrono::duration<double>(first - begun).count());
  }
}
BENCHMARK(first_new_row_of_a_million)->Unit(benchmark::kMillisecond)->UseManualTime()->Iterations(1);

}  // namespace
