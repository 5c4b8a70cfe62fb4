#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/embedder.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// A model at a provider that embeds or ranks.  Only `model` has to be there.
struct RemoteEmbedderOptions {
  std::string model = {};
  std::optional<int> dimensions = {};  ///< Of vectors, where the model can be asked for fewer.
  EmbedRole role = EmbedRole::none;    ///< Of requests that name none.

  std::string base_url = {};  ///< Else the provider's variable of the environment, else its own.
  Secret api_key = {};        ///< Else the variable `api_key_env`, else the provider's variables.
  std::string api_key_env = {};
  http::Headers headers = {};
  bool allow_plain_http = false;  ///< Send a key over plain HTTP to a host that is not this machine.

  std::size_t batch_texts = 0;   ///< At most so many in one request; 0: as many as the provider takes.
  std::size_t batch_tokens = 0;  ///< The same of tokens, which are estimated at three bytes each.
  std::size_t concurrency = 4;   ///< Requests under way at a time.
  http::Timeouts timeouts = {};
  std::shared_ptr<http::Transport> transport = {};  ///< Null: `http::default_transport()`.
};

/// Thread-safe.  Many texts become several requests; vectors are in the order of the texts.
class RemoteEmbedder final : public Embedder {
 public:
  /// `provider`: `openai`, `azure`, `gemini`, `ollama`, `voyage`, `cohere`, `jina`, `mistral`, `together`, `fireworks`,
  /// `vllm`, `llama_server`, `lm_studio`, `sglang` or `compatible`.  Throws `Error` (`config_error`,
  /// `authentication_failed`).
  RemoteEmbedder(std::string_view provider, RemoteEmbedderOptions options);

  std::string_view model() const noexcept override;
  /// As asked for, or as the first reply showed; 0 before it.
  std::size_t dimensions() const noexcept override;
  Async<Embeddings> embed(EmbedRequest request) override;

 private:
  struct Setup;

  std::shared_ptr<Setup> setup_;
};

/// Thread-safe.
class RemoteReranker final : public Reranker {
 public:
  /// `provider`: `voyage`, `cohere`, `jina`, `together`, `vllm`, `llama_server` or `compatible`.
  RemoteReranker(std::string_view provider, RemoteEmbedderOptions options);

  std::string_view model() const noexcept override;
  Async<Ranking> rank(RankRequest request) override;

 private:
  struct Setup;

  std::shared_ptr<const Setup> setup_;
};

}  // namespace dspy
