// Stores that are servers, held against the plain loop of `MemoryStore`.  The servers are our own, written from the
// wire shapes in the documents of Milvus, Weaviate and Redis: no package brings one of these with what is asked here.

#include "dspy/http/simulated_transport.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"
#include "support/fake_stores/milvus.hpp"
#include "support/fake_stores/redis.hpp"
#include "support/fake_stores/weaviate.hpp"
#include "support/remote_conformance.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <utility>

using namespace dspy;
using namespace dspy::test;

namespace {

constexpr auto similarities = {Similarity::cosine, Similarity::dot, Similarity::euclidean};

RemoteStoreOptions over(Similarity similarity, std::shared_ptr<http::Transport> transport = nullptr) {
  RemoteStoreOptions out;
  out.similarity = similarity;
  out.transport = std::move(transport);
  out.batch = 64;
  return out;
}

void check_conformance(std::shared_ptr<Store> store, Similarity similarity) {
  StoreConformance conformance(std::move(store), {.similarity = similarity});
  conformance.run();
  for (const auto& what : conformance.different()) FAIL_CHECK(what);
  CHECK(conformance.refused() == 1);  // whether a list or a text contains a text
  CHECK(conformance.same() > 500);
}

template <class Server>
std::shared_ptr<http::SimulatedTransport> served() {
  auto transport = std::make_shared<http::SimulatedTransport>();
  transport->serve([server = std::make_shared<Server>()](const http::Request& request) { return (*server)(request); });
  return transport;
}

}  // namespace

TEST_CASE("Milvus gives the answers of a plain loop") {
  for (const auto similarity : similarities)
    check_conformance(milvus_store("milvus://m.example/passages", over(similarity, served<FakeMilvus>())), similarity);
}

TEST_CASE("Weaviate gives the answers of a plain loop") {
  for (const auto similarity : similarities)
    check_conformance(
        weaviate_store("weaviate://w.example/passages?numbers=year,rating", over(similarity, served<FakeWeaviate>())),
        similarity);
}

TEST_CASE("Redis gives the answers of a plain loop") {
  for (const auto similarity : similarities) {
    const FakeRedis server;
    check_conformance(redis_store(server.uri("passages?numbers=year,rating"), over(similarity)), similarity);
  }
}
