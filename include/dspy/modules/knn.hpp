#pragma once

#include "dspy/lm/embedder.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/example.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Finds the examples whose inputs are most similar to the given ones: by the dot product of the embeddings of
/// `name: value | …`.  A value; copies share the embeddings.  Thread-safe.
class Knn {
 public:
  /// Embeds the examples.  Throws `Error` (`invalid_parameter`) for no examples or a `k` of 0, and what the embedder
  /// throws.
  Knn(std::size_t k, std::vector<Example> examples, std::shared_ptr<Embedder> embedder);
  static Async<Knn> make(std::size_t k, std::vector<Example> examples, std::shared_ptr<Embedder> embedder);

  /// The nearest first; at most `k`.  The vectors have one length.
  std::vector<Example> operator()(const JsonObject& inputs) const;
  Async<std::vector<Example>> nearest(JsonObject inputs) const;

 private:
  struct Index;
  explicit Knn(std::shared_ptr<const Index> index) : index_(std::move(index)) {}

  std::shared_ptr<const Index> index_;
};

/// What an input is embedded as: `name: value`, joined by ` | `.
std::string knn_text(const JsonObject& inputs);

/// A predictor whose demonstrations, in each call, are the examples nearest to its inputs, with the nearest last, where
/// it influences the model most.
///
///     dspy::KnnPredict answer("question -> answer", Knn(4, examples, embedder));
class KnnPredict : public Module<KnnPredict, JsonObject, Prediction> {
 public:
  KnnPredict(Predictor predictor, Knn demos) : predictor_(std::move(predictor)), demos_(std::move(demos)) {}
  KnnPredict(std::string_view notation, Knn demos, PredictorOptions options = {})
      : KnnPredict(Predictor(Signature::parse(notation), std::move(options)), std::move(demos)) {}

  Async<Prediction> run(JsonObject inputs, Run how) const;

  const Predictor& predictor() const noexcept { return predictor_; }
  Predictor& predictor() noexcept { return predictor_; }

 private:
  Predictor predictor_;
  Knn demos_;
};

}  // namespace dspy
