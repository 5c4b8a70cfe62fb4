// What it costs to run a model's code: a start, a piece of code, and a call of a function of ours from it, with Python
// in a process and in WebAssembly.  An interpreter that is not installed is skipped with the reason.
//
//     DSPY_PYODIDE=build/pyodide/node_modules/pyodide build/release/bin/bench-interpreters

#include "dspy/agents/sandbox/python_interpreter.hpp"
#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

dspy::HostFunction same() {
  return {.name = "same", .parameters = {"x"}, .call = [](dspy::JsonObject given) -> dspy::Async<dspy::Json> {
            co_return given.at("x");
          }};
}

struct Process {
  static std::optional<std::string> problem() { return dspy::sandbox_problem(); }
  static auto made() { return std::make_unique<dspy::PythonInterpreter>(std::vector{same()}); }
  static auto factory(std::size_t ready) { return dspy::python_interpreters({}, ready); }
  static constexpr std::chrono::milliseconds pause{500};
};

struct WebAssembly {
  static std::optional<std::string> problem() { return dspy::wasm_problem(); }
  static auto made(dspy::WasmOptions options = {}) {
    return std::make_unique<dspy::WasmInterpreter>(std::vector{same()}, std::move(options));
  }
  static auto factory(std::size_t ready) { return dspy::wasm_interpreters({}, ready); }
  static constexpr std::chrono::milliseconds pause{4000};
};

template <class Kind>
bool is_missing(benchmark::State& state) {
  static const auto problem = Kind::problem();
  if (problem) state.SkipWithMessage(*problem);
  return problem.has_value();
}

/// A new interpreter, up to its first result.
template <class Kind>
void start(benchmark::State& state) {
  if (is_missing<Kind>(state)) return;
  for (auto _ : state) {
    auto python = Kind::made();
    benchmark::DoNotOptimize((*python)("1"));
    state.PauseTiming();
    python.reset();
    state.ResumeTiming();
  }
}

/// The same where one was kept ready; the next one starts meanwhile, which is not waited for.
template <class Kind>
void start_ready(benchmark::State& state) {
  if (is_missing<Kind>(state)) return;
  const auto make = Kind::factory(1);
  for (auto _ : state) {
    state.PauseTiming();
    std::this_thread::sleep_for(Kind::pause);
    state.ResumeTiming();
    auto python = make({same()});
    benchmark::DoNotOptimize((*python)("1"));
    state.PauseTiming();
    python.reset();
    state.ResumeTiming();
  }
}

/// The first on a machine, which also makes the image that later ones begin with.
void start_without_image(benchmark::State& state) {
  if (is_missing<WebAssembly>(state)) return;
  const auto folder = std::filesystem::temp_directory_path() / "dspy-bench-image";
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove_all(folder);
    state.ResumeTiming();
    auto python = WebAssembly::made({.image_folder = folder});
    benchmark::DoNotOptimize((*python)("1"));
    state.PauseTiming();
    python.reset();
    state.ResumeTiming();
  }
  std::filesystem::remove_all(folder);
}

/// A prepared interpreter's first result.
template <class Kind>
void execute(benchmark::State& state) {
  if (is_missing<Kind>(state)) return;
  const auto python = Kind::made();
  (*python)("x = 1");
  for (auto _ : state) benchmark::DoNotOptimize((*python)("x + 1"));
}

template <class Kind>
void call(benchmark::State& state) {
  if (is_missing<Kind>(state)) return;
  const auto python = Kind::made();
  constexpr int times = 1000;
  const auto code = "for i in range(" + std::to_string(times) + "): same(i)";
  for (auto _ : state) benchmark::DoNotOptimize((*python)(code));
  state.SetItemsProcessed(state.iterations() * times);
}

/// Nothing but Python: how fast each computes.
template <class Kind>
void compute(benchmark::State& state) {
  if (is_missing<Kind>(state)) return;
  const auto python = Kind::made();
  for (auto _ : state) benchmark::DoNotOptimize((*python)("n = 0\nfor i in range(1000000): n += i * i\nn"));
}

}  // namespace

// WebAssembly's code is compiled anew while it runs, where it is hot: it is measured after some seconds of that.
BENCHMARK(start<Process>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(start<WebAssembly>)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(start_ready<Process>)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(20);
BENCHMARK(start_ready<WebAssembly>)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(5);
BENCHMARK(start_without_image)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);
BENCHMARK(execute<Process>)->MinWarmUpTime(1)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(execute<WebAssembly>)->MinWarmUpTime(5)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(call<Process>)->MinWarmUpTime(1)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(call<WebAssembly>)->MinWarmUpTime(5)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(compute<Process>)->MinWarmUpTime(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(compute<WebAssembly>)->MinWarmUpTime(5)->UseRealTime()->Unit(benchmark::kMillisecond);
