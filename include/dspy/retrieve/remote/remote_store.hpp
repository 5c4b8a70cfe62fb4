#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

// Stores that are servers, behind the interface of `Store`.  A filter that a server cannot express exactly is an
// `Error`
// (`unsupported`), never a wider one.  Passages without a vector are refused (`unsupported`), and so are searches by
// words.  Pages of a scan have the server's own order.  Numbers in metadata are compared as 64-bit floats.

namespace dspy {

struct RemoteStoreOptions : StoreOptions {
  /// Empty: the variable of the environment that each names.
  Secret api_key = {};
  std::shared_ptr<http::Transport> transport = {};  ///< Null: `http::default_transport()`.
  http::Timeouts timeouts = {};
  /// How often a request is sent at most, where the server is busy, unavailable or limits rates.  What is sent twice
  /// has the same outcome as what is sent once.
  int attempts = 4;
  std::size_t batch = 0;  ///< Passages of a request; 0: as many as the server takes, at most 256.
};

/// `qdrant://host:6333/collection`, `qdrant+https://…`.  Key: `QDRANT_API_KEY`.  Ids become UUIDs; the own one is kept
/// beside them.
std::shared_ptr<Store> qdrant_store(std::string_view uri, RemoteStoreOptions options = {});
/// `chroma://host:8000/collection`, with `?tenant=…&database=…`, `chroma+https://…`; API version 2.  Key:
/// `CHROMA_API_KEY`, sent as `x-chroma-token`.  Conditions on `text`, on null, and `exists` and `contains` cannot be
/// expressed.
std::shared_ptr<Store> chroma_store(std::string_view uri, RemoteStoreOptions options = {});
/// `pinecone://index-host/namespace`: the host that Pinecone names for the index.  Key: `PINECONE_API_KEY`.  The index
/// is made beforehand.  What was written is found a moment later.
std::shared_ptr<Store> pinecone_store(std::string_view uri, RemoteStoreOptions options = {});

/// `postgres://user@host:5432/database?table=passages` over libpq, with the extension pgvector; the password by
/// `PGPASSWORD` or `~/.pgpass`.  The table is made by the first passages; `&index=hnsw` gives it an approximate index,
/// which `StoreQuery::exact` leaves aside.  All filters can be expressed.  Of `RemoteStoreOptions` it has no use for
/// `transport` and `api_key`.
std::shared_ptr<Store> postgres_store(std::string_view uri, RemoteStoreOptions options = {});

// In the next three a filter can say all but parts of texts, the order of texts, and `contains` of a text.  They look
// at each vector, so that what is found is exact; `?index=hnsw` makes an approximate index instead.

/// `weaviate://host:8080/Class?numbers=year,rating`, `weaviate+https://…`.  Key: `WEAVIATE_API_KEY`.  Fields that are
/// compared by order are named when the class is made; negated conditions need Weaviate 1.33 or later.
std::shared_ptr<Store> weaviate_store(std::string_view uri, RemoteStoreOptions options = {});
/// `milvus://host:19530/collection?database=…`, `milvus+https://…`; API version 2.  Key: `MILVUS_TOKEN`, which may be
/// `user:password`.  A passage has 65,535 bytes at most.
std::shared_ptr<Store> milvus_store(std::string_view uri, RemoteStoreOptions options = {});
/// `redis://host:6379/index?numbers=year,rating&user=…&database=0`: Redis with its search, which is a part of it from
/// version 8 on.  Password: `REDIS_PASSWORD`.  Fields that are compared by order are named when the index is made.
/// `rediss://…&ca=FILE` connects over TLS.  Ignores `RemoteStoreOptions::transport`.  Each passage is one hash.
std::shared_ptr<Store> redis_store(std::string_view uri, RemoteStoreOptions options = {});

/// Teaches `open_store` their schemes.  Returns true, for use in an initialiser; see dspy/retrieve/remote/schemes.hpp.
bool register_remote_stores();

}  // namespace dspy
