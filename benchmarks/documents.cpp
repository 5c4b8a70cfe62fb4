// Cutting documents: bytes per second over the guide's Markdown, repeated to 10 MB.

#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/documents/document.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string markdown() {
  std::string once, all;
  for (const auto& file : std::filesystem::recursive_directory_iterator("docs")) {
    if (file.path().extension() != ".md") continue;
    std::ifstream in(file.path(), std::ios::binary);
    once.append(std::istreambuf_iterator<char>(in), {});
    once += '\n';
  }
  while (!once.empty() && all.size() < 10'000'000) all += once;
  return all;
}

void cut(benchmark::State& state, dspy::ChunkMethod method) {
  const auto text = markdown();
  std::size_t chunks = 0;
  for (auto _ : state) {
    const auto documents = dspy::parse_documents(text, dspy::DocumentFormat::markdown, "docs");
    chunks = dspy::chunk(documents.at(0), {.method = method}).size();
    benchmark::DoNotOptimize(chunks);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
  state.counters["chunks"] = static_cast<double>(chunks);
}

BENCHMARK_CAPTURE(cut, markdown, dspy::ChunkMethod::markdown)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cut, recursive, dspy::ChunkMethod::recursive)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cut, sentences, dspy::ChunkMethod::sentences)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cut, fixed, dspy::ChunkMethod::fixed)->Unit(benchmark::kMillisecond);

}  // namespace
