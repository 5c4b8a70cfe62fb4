#pragma once

#include "dspy/llama/context_options.hpp"
#include "dspy/llama/model_pool.hpp"
#include "dspy/lm/embedder.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy {

namespace llama {
struct TextModel;
}

/// How texts are read, by embedders and rerankers.
struct LlamaReadOptions {
  /// As the model's file says, unless one is asked for.  Language models have none of their own.
  llama::Pooling pooling = llama::Pooling::model;
  bool normalize = true;  ///< To length 1, so that a dot product is a cosine.  Not for rankings.
  bool truncate = false;  ///< Cut off what is too long for the model instead of refusing it.
  /// Tokens of one text, those that the model puts around it included, at most what the model was trained for; 0: that,
  /// but no more than 2048.
  int context_length = 0;
  int batch = 512;        ///< Tokens read in one step, of several texts; never fewer than `context_length`.
  int sequences = 32;     ///< Texts read in one step.
  int queue_limit = 256;  ///< Calls that may wait; more are refused with `rate_limit_exceeded`.
  int threads = 0;        ///< 0: as many as help.
  llama::ModelOptions model{};
  std::shared_ptr<llama::ModelPool> pool{};  ///< The process's own if empty.
};

/// Embeds texts with a model in this process, over llama.cpp: an embedding model (BERT and its kin, Qwen3 Embedding and
/// the like), or a language model with a `pooling` that is asked for.  The weights are shared with everything else that
/// uses the file; the texts of all calls share steps.
///
///     dspy::LlamaEmbedder embedder("bge-small");
///     auto embedder = dspy::embedder("llama:bge-small?truncate=true");
///
/// The URI takes the names of the members of `LlamaReadOptions`, `gpu_layers` and `kernels` (`auto` or `library`).  A
/// vector does not depend on which texts share its step, up to rounding.
class LlamaEmbedder final : public Embedder {
 public:
  /// Throws `Error`: what `ModelPool::load` throws; `invalid_parameter` for options outside their range, a language
  /// model without a pooling or with the pooling `cls`, a reranker.
  explicit LlamaEmbedder(std::string_view name_or_path, LlamaReadOptions options = {});

  std::string_view model() const noexcept override;
  std::size_t dimensions() const noexcept override;
  Async<Embeddings> embed(EmbedRequest request) override;

  /// Tokens of one text.
  int context_length() const noexcept;

 private:
  std::shared_ptr<const llama::TextModel> model_;  ///< Shared with calls, which may outlast this.
};

/// Ranks documents with a model that has a head for it (`pooling_type` 4), such as bge-reranker or Qwen3 Reranker.
///
///     auto reranker = dspy::reranker("llama:bge-reranker-v2-m3");
///     for (const auto& [index, score] : (*reranker)("what is a panda?", documents, 5)) …
class LlamaReranker final : public Reranker {
 public:
  /// Throws like `LlamaEmbedder`; `pooling` and `normalize` must be left alone.
  explicit LlamaReranker(std::string_view name_or_path, LlamaReadOptions options = {});

  std::string_view model() const noexcept override;
  /// A query that leaves a document no room is `context_too_long`.
  Async<Ranking> rank(RankRequest request) override;

 private:
  std::shared_ptr<const llama::TextModel> model_;  ///< Shared with calls, which may outlast this.
};

namespace llama {

/// The factories behind `llama:` URIs (dspy/schemes.hpp).  Throw `Error` (`config_error`) for an option that does not
/// exist or cannot be read.
std::shared_ptr<Embedder> embedder_from_uri(const LMUri& uri);
std::shared_ptr<Reranker> reranker_from_uri(const LMUri& uri);

}  // namespace llama
}  // namespace dspy
