// Search by vector: what the embedded index takes for 100,000 x 384 vectors with structure such as embeddings have (32
// hidden dimensions), k = 10, one thread, against reading the memory once and against hnswlib.
//
//   bench-retrieve                   the scans, the graph, filters
//   DSPY_BENCH_ROWS=1000000 bench-retrieve --benchmark_filter=open   opening 1,000,000 vectors

#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "retrieve/embedded/segment.hpp"
#include "retrieve/embedded/segment_writer.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/vector_search.hpp"
#include "retrieve/kernels/kernels.hpp"
#include "retrieve/unit_length.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<hnswlib/hnswlib.h>)
#define DSPY_BENCH_HNSWLIB
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <hnswlib/hnswlib.h>
#pragma GCC diagnostic pop
#endif

namespace {

using namespace dspy;
using namespace dspy::embedded;

constexpr std::size_t size = 384, hidden = 32, queries = 200, k = 10;

std::size_t rows() {
  const char* const wanted = std::getenv("DSPY_BENCH_ROWS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
}

float gauss(Random& random) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return static_cast<float>(sum - 6);
}

std::vector<float> draw(std::size_t count, std::uint64_t seed) {
  Random mixing(1), random(seed);
  std::vector<float> mix(hidden * size);
  for (float& x : mix) x = gauss(mixing);
  std::vector<float> out;
  out.reserve(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> vector(size);
    for (std::size_t h = 0; h < hidden; ++h) {
      const float weight = gauss(random);
      for (std::size_t j = 0; j < size; ++j) vector[j] += weight * mix[h * size + j];
    }
    to_unit_length(vector);
    out.insert(out.end(), vector.begin(), vector.end());
  }
  return out;
}

const std::vector<float>& data() {
  static const auto all = draw(rows(), 2);
  return all;
}
const std::vector<float>& asked() {
  static const auto all = draw(queries, 3);
  return all;
}
std::vector<float> query(std::size_t i) {
  const auto start = asked().begin() + static_cast<std::ptrdiff_t>(i % queries * size);
  return {start, start + size};
}

enum class Kind { floats, halves, codes, graph };

const Snapshot& snapshot(Kind kind) {
  static std::array<std::optional<std::pair<std::vector<std::byte>, Snapshot>>, 4> all;
  auto& made = all[static_cast<std::size_t>(kind)];
  if (made) return made->second;
  SegmentContent content{.dimensions = size,
                         .is_half = kind == Kind::halves,
                         .has_codes = kind == Kind::codes || kind == Kind::graph,
                         .has_graph = kind == Kind::graph,
                         .vectors = data()};
  for (std::size_t i = 0; i < rows(); ++i) content.rows.push_back(i);
  made.emplace();
  made->first = segment_bytes(content);
  made->second.segments = {{std::make_shared<const Segment>(made->first, "bench")}};
  made->second.state.dimensions = size;
  static_cast<void>(made->second.segments.front().segment->damage());
  return made->second;
}

std::vector<FoundVector> find(const Snapshot& in, std::size_t i, bool is_exact, std::size_t breadth = 128,
                              const std::optional<Bitmap>& wanted = {}) {
  const auto vector = query(i);
  const VectorQuery wish{.vector = vector, .k = k, .is_exact = is_exact, .breadth = breadth};
  return search_vectors(in, wish, wanted, [](const std::string&) {});
}

std::set<std::uint64_t> truth(std::size_t i) {
  static std::array<std::set<std::uint64_t>, queries> all;
  if (all[i].empty())
    for (const auto& found : find(snapshot(Kind::floats), i, true)) all[i].insert(found.row);
  return all[i];
}

double recall(const Snapshot& in, bool is_exact, std::size_t breadth) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < queries; ++i)
    for (const auto& one : find(in, i, is_exact, breadth)) found += truth(i).contains(one.row) ? 1 : 0;
  return static_cast<double>(found) / static_cast<double>(queries * k);
}

/// The sum of all numbers: no search through all of them can take less.
void read_memory_once(benchmark::State& state) {
  const auto& all = data();
  const std::vector<float> ones(size, 1);
  std::vector<float> out(1'000);
  for (auto _ : state) {
    // The widest loads there are, and one addition for each.
    for (std::size_t row = 0; row < rows(); row += out.size())
      vectors::kernels().dot(all.data() + row * size, std::min(out.size(), rows() - row), size, ones.data(),
                             out.data());
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(read_memory_once)->Unit(benchmark::kMillisecond);

void scan(benchmark::State& state, Kind kind) {
  const auto& in = snapshot(kind);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(find(in, i++, true));
  state.counters["recall"] = recall(in, true, 0);
}
BENCHMARK_CAPTURE(scan, floats, Kind::floats)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, halves, Kind::halves)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scan, codes, Kind::codes)->Unit(benchmark::kMillisecond);

void graph(benchmark::State& state) {
  const auto& in = snapshot(Kind::graph);
  const auto breadth = static_cast<std::size_t>(state.range(0));
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(find(in, i++, false, breadth));
  state.counters["recall"] = recall(in, false, breadth);
}
BENCHMARK(graph)->Arg(64)->Arg(128)->Arg(256)->Unit(benchmark::kMicrosecond);

#ifdef DSPY_BENCH_HNSWLIB
void hnswlib_search(benchmark::State& state) {
  static hnswlib::InnerProductSpace space(size);
  static const auto index = [] {
    auto made = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, rows(), 16, 200);
    for (std::size_t i = 0; i < rows(); ++i) made->addPoint(data().data() + i * size, i);
    return made;
  }();
  index->setEf(static_cast<std::size_t>(state.range(0)));
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(index->searchKnn(query(i++).data(), k));
  std::size_t found = 0;
  for (std::size_t one = 0; one < queries; ++one)
    for (auto hits = index->searchKnn(query(one).data(), k); !hits.empty(); hits.pop())
      found += truth(one).contains(hits.top().second) ? 1 : 0;
  state.counters["recall"] = static_cast<double>(found) / static_cast<double>(queries * k);
}
BENCHMARK(hnswlib_search)->Arg(64)->Arg(128)->Arg(256)->Unit(benchmark::kMicrosecond);
#endif

std::string folder() {
  return (std::filesystem::temp_directory_path() / "dspy-bench-index").string();
}

/// 100,000 passages with a field of 20 values.
EmbeddedStore& store() {
  static auto made = [] {
    std::filesystem::remove_all(folder());
    EmbeddedOptions options;
    options.flush_from = 50'000;
    auto opened = std::make_unique<EmbeddedStore>(folder(), options);
    for (std::size_t start = 0; start < rows(); start += 10'000) {
      std::vector<Passage> passages;
      for (auto i = start; i < std::min(rows(), start + 10'000); ++i) {
        const auto at = data().begin() + static_cast<std::ptrdiff_t>(i * size);
        passages.push_back({.id = std::format("{}", i),
                            .text = "a passage",
                            .vector = {at, at + size},
                            .metadata = {{"part", static_cast<std::int64_t>(i % 20)}}});
      }
      wait(opened->upsert(std::move(passages)));
    }
    return opened;
  }();
  return *made;
}

void filtered(benchmark::State& state) {
  auto& in = store();
  std::size_t i = 0;
  for (auto _ : state) {
    const auto part = static_cast<std::int64_t>(i % 20);
    benchmark::DoNotOptimize(wait(in.search({.vector = query(i++), .k = k, .filter = Filter::eq("part", part)})));
  }
}
BENCHMARK(filtered)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

/// The whole way: filters, vectors, passages from the file.
void whole_search(benchmark::State& state) {
  auto& in = store();
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(wait(in.search({.vector = query(i++), .k = k})));
}
BENCHMARK(whole_search)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

void open_index(benchmark::State& state) {
  static_cast<void>(store());
  EmbeddedOptions options;
  options.is_read_only = true;
  for (auto _ : state) {
    EmbeddedStore opened(folder(), options);
    benchmark::DoNotOptimize(wait(opened.info()));
  }
}
BENCHMARK(open_index)->Unit(benchmark::kMillisecond);

}  // namespace
