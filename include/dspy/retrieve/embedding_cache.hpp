#pragma once

#include "dspy/lm/embedder.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace dspy {

struct EmbeddingCacheOptions {
  /// Of vectors in memory; above it, those that were not used for longest go.
  std::size_t memory_bytes = std::size_t{256} << 20;
  /// A SQLite file that several processes may share; empty: memory only.
  std::filesystem::path file = {};
  /// A Redis or Valkey server that a fleet shares, behind memory and file: `redis://user:password@host:6379/0`.  A
  /// server that is slow or away is left alone for a while, and breaks no call.  Empty: none.
  std::string server = {};
  std::chrono::milliseconds server_timeout{100};  ///< For one question to the server.
  std::chrono::seconds server_ttl{0};             ///< After which the server forgets a vector; 0: never.
};

struct EmbeddingCacheStats {
  std::uint64_t memory_hits = 0;
  std::uint64_t disk_hits = 0;
  std::uint64_t server_hits = 0;
  std::uint64_t misses = 0;  ///< Texts that the embedder was asked for.
  std::uint64_t joined = 0;  ///< Texts that another call was asking for already.
  std::uint64_t damaged = 0;
  std::size_t bytes = 0;  ///< In memory.
};

/// Everything a text's vector depends on besides the text: for cache keys, and for a store that must identify its
/// embedder.
std::string embedder_fingerprint(const Embedder& embedder);

/// A caching embedder: per text, regardless of batches, so that adding one text to a thousand costs one.  Identical
/// texts in concurrent calls are embedded once.  Errors are not cached.  An unusable file or server is reported in the
/// log, and breaks no call.
class CachedEmbedder final : public Embedder {
 public:
  /// Throws `Error` (`io_error`) if the file cannot be opened, (`config_error`) for an address that is none.
  explicit CachedEmbedder(std::shared_ptr<Embedder> embedder, EmbeddingCacheOptions options = {});

  std::string_view model() const noexcept override;
  std::size_t dimensions() const noexcept override;
  /// The usage is that of the texts which were not known.
  Async<Embeddings> embed(EmbedRequest request) override;

  EmbeddingCacheStats stats() const;

 private:
  class Impl;

  std::shared_ptr<Impl> impl_;
};

}  // namespace dspy
