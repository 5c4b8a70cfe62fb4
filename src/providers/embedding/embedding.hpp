#pragma once

#include "dspy/lm/embedder.hpp"
#include "dspy/providers/dialect.hpp"
#include "dspy/providers/remote_embedder.hpp"
#include "providers/endpoint.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Bodies of requests for vectors and rankings, and of the replies: pure functions, one protocol a row.

namespace dspy::providers::embedding {

/// How one provider embeds and ranks.
struct Provider {
  enum class Protocol { openai, voyage, jina, cohere, gemini, ollama };

  const Dialect* dialect = nullptr;
  Protocol protocol = Protocol::openai;
  std::size_t most_texts = 0;   ///< In one request.
  std::size_t most_tokens = 0;  ///< The same; 0: no limit that it tells.
  bool embeds = true;
  bool ranks = false;
};

/// Throws `Error` (`config_error`) that lists those there are.
Provider embedding_provider(std::string_view word);
Provider ranking_provider(std::string_view word);
/// Words of model strings for embedders and rerankers.
std::vector<std::string> embedding_words();
std::vector<std::string> ranking_words();

struct Wire {
  std::string path = {};
  JsonObject body = {};
};

Wire write_texts(const Provider& provider, const RemoteEmbedderOptions& options, EmbedRole role,
                 std::span<const std::string> texts);
/// Throws `Error` (`unavailable`) unless there is one vector for each of `count` texts, all of one length.
Embeddings read_vectors(const Provider& provider, const JsonObject& body, std::size_t count);

Wire write_ranking(const Provider& provider, const RemoteEmbedderOptions& options, const RankRequest& request);
/// Throws `Error` (`unavailable`) unless indices are of documents, each at most once.
Ranking read_ranking(const Provider& provider, const JsonObject& body, const RankRequest& request);

/// Where each batch ends.
std::vector<std::size_t> batches_of(std::span<const std::string> texts, std::size_t most_texts,
                                    std::size_t most_tokens);

/// The endpoint of an embedder's options.
Endpoint endpoint_of(const Provider& provider, const RemoteEmbedderOptions& options);

}  // namespace dspy::providers::embedding
