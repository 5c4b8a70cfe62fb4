#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"

#ifndef DSPY_WITH_PQ
#include "dspy/base/error.hpp"
#endif

#include <memory>
#include <string_view>

namespace dspy {
namespace {

template <auto make>
std::shared_ptr<Store> opened(std::string_view uri, const StoreOptions& options) {
  RemoteStoreOptions remote;
  static_cast<StoreOptions&>(remote) = options;
  return make(uri, remote);
}

}  // namespace

#ifndef DSPY_WITH_PQ
std::shared_ptr<Store> postgres_store(std::string_view /*uri*/, RemoteStoreOptions /*options*/) {
  throw Error(
      Errc::config_error,
      "this library was built without libpq, so it has no postgres stores; install libpq-dev and build it again");
}
#endif

bool register_remote_stores() {
  for (const auto* const scheme : {"qdrant", "qdrant+https"}) register_store_scheme(scheme, opened<qdrant_store>);
  for (const auto* const scheme : {"chroma", "chroma+https"}) register_store_scheme(scheme, opened<chroma_store>);
  for (const auto* const scheme : {"pinecone", "pinecone+https"}) register_store_scheme(scheme, opened<pinecone_store>);
  for (const auto* const scheme : {"weaviate", "weaviate+https"}) register_store_scheme(scheme, opened<weaviate_store>);
  for (const auto* const scheme : {"milvus", "milvus+https"}) register_store_scheme(scheme, opened<milvus_store>);
  for (const auto* const scheme : {"redis", "rediss"}) register_store_scheme(scheme, opened<redis_store>);
  for (const auto* const scheme : {"postgres", "postgresql"}) register_store_scheme(scheme, opened<postgres_store>);
  return true;
}

}  // namespace dspy
