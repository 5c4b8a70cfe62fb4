#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/signature/prediction.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dspy::retrievers {

struct EmbeddingsOptions {
  std::size_t k = 5;
  /// From this many texts on, an approximate index is built, and candidates from it are compared exactly.
  std::size_t brute_force_threshold = 20'000;
  /// Whether vectors are brought to length 1.
  bool normalize = true;
  /// Texts that the embedder is asked for at once.
  std::size_t batch_size = 200;
};

/// DSPy's `Embeddings`: a corpus in memory; the outputs are the texts nearest to a query (`passages`), their positions
/// in the corpus (`indices`) and similarities (`scores`).  A value; copies share the corpus.  Thread-safe.
class Embeddings : public Module<Embeddings, std::string, Prediction> {
 public:
  /// Embeds the corpus.  Throws `Error` (`invalid_parameter`) for an empty corpus or a `k` of 0, and what the embedder
  /// throws.
  Embeddings(std::vector<std::string> corpus, std::shared_ptr<Embedder> embedder, EmbeddingsOptions options = {});
  static Async<Embeddings> make(std::vector<std::string> corpus, std::shared_ptr<Embedder> embedder,
                                EmbeddingsOptions options = {});

  Async<Prediction> run(std::string query, Run how) const;

  /// Into a folder: `corpus.json`, and `corpus.vec` (docs/formats/index.md).  Throws `Error` (`io_error`).
  void save(const std::filesystem::path& folder) const;
  /// What `save` wrote.  Throws `Error`: `io_error` for what is damaged, `config_error` for another embedder than it
  /// was made with.
  static Embeddings load(const std::filesystem::path& folder, std::shared_ptr<Embedder> embedder);

  template <class F>
  void for_each_predictor(F&&) const {}

 private:
  struct Index;
  explicit Embeddings(std::shared_ptr<const Index> index) : index_(std::move(index)) {}

  std::shared_ptr<const Index> index_;
};

}  // namespace dspy::retrievers
