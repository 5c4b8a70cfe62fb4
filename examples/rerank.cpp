// Search finds candidates by their words; a reranker reads each one together with the question and
// reorders them.  The one here looks for numbers; `dspy::reranker("llama:…")` uses a reranking
// model, and `ListwiseReranker` an LM.

#include <dspy/dspy.hpp>
#include <dspy/retrieve/memory_store.hpp>
#include <dspy/retrieve/retriever.hpp>

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string_view>

namespace {

/// Prefers documents that give a number.
class Figures final : public dspy::Reranker {
 public:
  std::string_view model() const noexcept override { return "figures"; }
  dspy::Async<dspy::Ranking> rank(dspy::RankRequest request) override {
    dspy::Ranking out;
    for (std::size_t i = 0; i < request.documents.size(); ++i) {
      const bool has_number = request.documents[i].find_first_of("0123456789") != std::string::npos;
      out.documents.push_back({.index = i, .score = has_number ? 1.0F : 0.0F});
    }
    std::ranges::stable_sort(out.documents, [](const auto& a, const auto& b) { return a.score > b.score; });
    co_return out;
  }
};

void show(const char* what, const dspy::Retriever& search) {
  std::cout << what << '\n';
  for (const auto& hit : search("How long is the warranty of the lamp?")) std::cout << "  " << hit.passage.text << '\n';
}

}  // namespace

int main() {
  const auto store = std::make_shared<dspy::MemoryStore>();
  dspy::wait(store->upsert({{.id = "1", .text = "The warranty of the lamp: how long it is, see below."},
                            {.id = "2", .text = "The warranty lasts 24 months."},
                            {.id = "3", .text = "The lamp has a ring."}}));
  show("by words", dspy::Retriever(store, {.k = 2}));
  show("reranked", dspy::Retriever(store, {.k = 2, .reranker = std::make_shared<Figures>()}));
}
