#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/lm.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What texts are embedded for.  Models that tell queries from documents find better with it; others take no notice.
enum class EmbedRole { none, query, document };

struct EmbedRequest {
  std::vector<std::string> texts = {};
  EmbedRole role = EmbedRole::none;
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

struct Embeddings {
  std::vector<std::vector<float>> vectors = {};  ///< One for each text, in their order.
  Usage usage = {};
};

/// Turns texts into vectors whose angles reflect their similarity.  Calls may be concurrent and come from any thread;
/// the result may be awaited after the embedder is destroyed.
///
///     auto embedder = dspy::embedder("llama:bge-small");
///     std::vector<std::vector<float>> vectors = (*embedder)({"a cat", "a dog"});
class Embedder {
 public:
  virtual ~Embedder() = default;

  /// What this model is called in messages and traces.
  virtual std::string_view model() const noexcept = 0;
  /// Floats of a vector.
  virtual std::size_t dimensions() const noexcept = 0;
  /// Throws `Error`: `context_too_long`, `invalid_parameter` (a text that is blank or not UTF-8), `cancelled`,
  /// `deadline_exceeded`, or what the embedder's own kind adds.
  virtual Async<Embeddings> embed(EmbedRequest request) = 0;

  /// The same, for callers who wait.
  std::vector<std::vector<float>> operator()(std::vector<std::string> texts);
};

struct RankRequest {
  std::string query = {};
  std::vector<std::string> documents = {};
  std::size_t top = 0;  ///< Return this many of the best; 0: all.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};
};

struct Ranked {
  std::size_t index = 0;  ///< Into `RankRequest::documents`.
  double score = 0;       ///< As the model gives it: higher is more relevant; the range is the model's own.
};

struct Ranking {
  std::vector<Ranked> documents = {};  ///< Best first; equal ones in their order.
  Usage usage = {};
};

/// Orders documents by how well they answer a query, reading both together.  Calls may be concurrent and come from any
/// thread; the result may be awaited after the reranker is destroyed.
class Reranker {
 public:
  virtual ~Reranker() = default;

  virtual std::string_view model() const noexcept = 0;
  /// Throws `Error` like `Embedder::embed`.
  virtual Async<Ranking> rank(RankRequest request) = 0;

  /// The same, for callers who wait.
  std::vector<Ranked> operator()(std::string query, std::vector<std::string> documents, std::size_t top = 0);
};

/// Make one from a URI, such as `llama:bge-small?pooling=cls`.  Throw `Error` (`config_error`) for a scheme that no
/// part of the program has registered.
std::shared_ptr<Embedder> embedder(std::string_view uri);
std::shared_ptr<Reranker> reranker(std::string_view uri);

/// Teach them a scheme; the last registration wins.  Return true, for use in an initialiser.
bool register_embedder_scheme(std::string_view scheme, std::shared_ptr<Embedder> (*factory)(const LMUri& uri));
bool register_reranker_scheme(std::string_view scheme, std::shared_ptr<Reranker> (*factory)(const LMUri& uri));

}  // namespace dspy
