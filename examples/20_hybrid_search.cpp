// Search by vectors and words together: each finds what the other misses.  The vectors are made by
// hand here, so the program needs no model; `dspy::embedder("llama:…")` makes real ones.

#include "dspy/dspy.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/store.hpp"

#include <format>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// Three numbers: is it about animals, about vehicles, about food?
class Topics final : public dspy::Embedder {
 public:
  std::string_view model() const noexcept override { return "topics"; }
  std::size_t dimensions() const noexcept override { return 3; }
  dspy::Async<dspy::Embeddings> embed(dspy::EmbedRequest request) override {
    dspy::Embeddings out;
    for (const auto& text : request.texts) {
      std::vector<float> vector = {0.1F, 0.1F, 0.1F};
      for (const auto& [word, topic] : words)
        if (text.contains(word)) vector[topic] += 1;
      out.vectors.push_back(std::move(vector));
    }
    co_return out;
  }

 private:
  static constexpr std::pair<std::string_view, std::size_t> words[] = {
      {"cat", 0}, {"puppy", 0}, {"dog", 0}, {"car", 1}, {"lorry", 1}, {"bread", 2}, {"soup", 2}};
};

}  // namespace

int main() {
  const auto embedder = std::make_shared<Topics>();
  const auto store = dspy::open_store("memory:");
  std::vector<dspy::Passage> passages = {{.id = "1", .text = "A puppy sleeps most of the day."},
                                         {.id = "2", .text = "Model XK-120: a car of 1948."},
                                         {.id = "3", .text = "The lorry needs new tyres."},
                                         {.id = "4", .text = "Soup with bread, part XK-7."}};
  for (auto& passage : passages) passage.vector = (*embedder)({passage.text}).front();
  dspy::wait(store->upsert(passages));

  const dspy::Retriever by_vector(store, {.k = 2, .embedder = embedder});
  const dspy::Retriever by_words(store, {.k = 2});
  const dspy::Retriever both = by_vector.with({.k = 2, .embedder = embedder, .hybrid = true});
  for (const char* question : {"my dog", "car XK"}) {
    std::cout << question << '\n';
    for (const auto& [name, search] : {std::pair("vectors", &by_vector), {"words", &by_words}, {"both", &both}}) {
      std::cout << std::format("  {:8}", name);
      for (const auto& hit : (*search)(question)) std::cout << hit.passage.id << ' ';
      std::cout << '\n';
    }
  }
  const auto hits = both("car XK");
  for (const auto& part : hits.front().parts)
    std::cout << std::format("{} found it at rank {} with {:.3f}\n", part.by, part.rank, part.value);
}
