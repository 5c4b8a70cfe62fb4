#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/fusion.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

struct RetrieverOptions {
  std::size_t k = 5;
  /// Makes the query's vector.  Without one, words alone are looked for.
  std::shared_ptr<Embedder> embedder = {};
  /// Whether to search by words in addition to vectors, and fuse the two rankings.
  bool hybrid = false;
  FusionOptions fusion = {};
  /// Reranks the best candidates, reading each together with the query.
  std::shared_ptr<Reranker> reranker = {};
  /// Candidates for fusion, reranking or diversification; 0: four per requested passage, at least 50.
  std::size_t candidates = 0;
  /// Set: passages that are unlike each other are preferred, by `marginal_relevance` with this balance.
  std::optional<double> diversity_balance = {};
  Filter filter = {};
  bool exact = false;  ///< See `StoreQuery`.
};

/// Finds the passages that a question needs, in a store.  A value and a module: can be a member of programs, like a
/// predictor.
///
///     dspy::Retriever search(dspy::open_store("docs.index"), {.k = 8, .embedder = embedder, .hybrid = true});
///     for (const auto& hit : search("how do I reset it?")) use(hit.passage.text, hit.passage.source);
class Retriever : public Module<Retriever, std::string, std::vector<Hit>> {
 public:
  /// Throws `Error` (`invalid_parameter`) for options that contradict each other.
  explicit Retriever(std::shared_ptr<Store> store, RetrieverOptions options = {});

  /// Best first.  Throws `Error` like the store, the embedder and the reranker; a question that is blank is refused.
  Async<std::vector<Hit>> run(std::string question, Run how) const;

  const std::shared_ptr<Store>& store() const noexcept { return store_; }
  const RetrieverOptions& options() const noexcept { return options_; }
  Retriever with(RetrieverOptions options) const { return Retriever(store_, std::move(options)); }

  /// There are none.
  template <class F>
  void for_each_predictor(F&&) const {}

 private:
  std::shared_ptr<Store> store_;
  RetrieverOptions options_;
};

/// DSPy's `Retrieve`: the passages' texts as the output `passages`, and their scores as `scores`.
class Retrieve : public Module<Retrieve, std::string, Prediction> {
 public:
  explicit Retrieve(Retriever retriever) : retriever_(std::move(retriever)) {}

  Async<Prediction> run(std::string query, Run how) const;

  template <class F>
  void for_each_predictor(F&&) const {}

 private:
  Retriever retriever_;
};

/// Passages and scores as outputs: `passages`, `scores`, `sources`.
Prediction to_prediction(const std::vector<Hit>& hits);

}  // namespace dspy
