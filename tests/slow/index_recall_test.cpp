// The embedded index beside a plain loop, with as many vectors as it gets its approximate index from twice over.

#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

constexpr std::size_t count = 100'000, dimensions = 64, hidden = 16, questions = 100, k = 10;

/// Vectors with structure, as embeddings have: mixtures of a few directions.
class Vectors {
 public:
  Vectors() : mix_(hidden * dimensions) {
    for (float& x : mix_) x = draw();
  }
  std::vector<float> next() {
    std::vector<float> out(dimensions);
    for (std::size_t h = 0; h < hidden; ++h) {
      const float weight = draw();
      for (std::size_t i = 0; i < dimensions; ++i) out[i] += weight * mix_[h * dimensions + i];
    }
    return out;
  }

 private:
  float draw() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_.uniform();
    return static_cast<float>(sum);
  }

  Random random_{5};
  std::vector<float> mix_;
};

std::set<std::string> ids(const std::vector<Hit>& hits) {
  std::set<std::string> out;
  for (const auto& hit : hits) out.insert(hit.passage.id);
  return out;
}

/// The share of what the loop finds that the index finds too.
double recall(EmbeddedStore& store, MemoryStore& plain, const std::vector<std::vector<float>>& asked,
              const Filter& filter) {
  std::size_t found = 0, all = 0;
  for (const auto& vector : asked) {
    const StoreQuery query{.vector = vector, .k = k, .filter = filter};
    const auto expected = ids(wait(plain.search(query)));
    for (const auto& id : ids(wait(store.search(query)))) found += expected.contains(id) ? 1 : 0;
    all += expected.size();
  }
  return static_cast<double>(found) / static_cast<double>(all);
}

}  // namespace

TEST_CASE("Of 100,000 vectors nearly all nearest are found, and with a filter all, before and after many are removed") {
  const test::Folder folder;
  EmbeddedOptions options;
  options.flush_from = 20'000;
  EmbeddedStore store((folder.path / "index").string(), options);
  MemoryStore plain;
  Vectors vectors;
  for (std::size_t start = 0; start < count; start += 10'000) {
    std::vector<Passage> passages;
    for (auto i = start; i < start + 10'000; ++i)
      passages.push_back({.id = std::format("{:06}", i),
                          .text = "a passage",
                          .vector = vectors.next(),
                          .metadata = {{"part", static_cast<std::int64_t>(i % 200)}}});
    wait(plain.upsert(passages));
    wait(store.upsert(std::move(passages)));
  }
  wait(store.compact());
  std::vector<std::vector<float>> asked;
  for (std::size_t i = 0; i < questions; ++i) asked.push_back(vectors.next());
  const auto halves = Filter::lt("part", 100), twentieth = Filter::lt("part", 10), rare = Filter::eq("part", 7);

  const double whole = recall(store, plain, asked, {});
  MESSAGE("recall of the approximate index: " << whole);
  CHECK(whole >= 0.95);
  for (const auto& filter : {halves, twentieth, rare}) CHECK(recall(store, plain, asked, filter) == 1);

  std::vector<std::string> removed;
  for (std::size_t i = 0; i < count; i += 3) removed.push_back(std::format("{:06}", i));
  wait(store.remove(removed));
  wait(plain.remove(removed));
  const double after = recall(store, plain, asked, {});
  MESSAGE("after a third was removed: " << after);
  CHECK(after >= 0.95);
  for (const auto& filter : {halves, twentieth, rare}) CHECK(recall(store, plain, asked, filter) == 1);
  for (const auto& vector : asked) {
    const StoreQuery query{.vector = vector, .k = k, .exact = true};
    CHECK(ids(wait(store.search(query))) == ids(wait(plain.search(query))));
  }
}
