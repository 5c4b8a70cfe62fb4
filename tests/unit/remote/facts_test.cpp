// Filters as lists of facts, and what Milvus, Weaviate and Redis refuse alike.

#include "retrieve/remote/facts.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/remote/schemes.hpp"
#include "dspy/retrieve/store.hpp"
#include "support/fake_stores/redis.hpp"
#include "support/scripted_store.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

using namespace dspy;
using namespace dspy::test;

TEST_CASE("Facts: one word each, and another for another value") {
  const auto facts = remote::facts_of(sample_passage("p"), "test");
  // all; lang, year, tags, none, id, text and source are there; of each but the list its value, of it two elements;
  // year is a number
  CHECK(facts.size() == 1 + 7 + 6 + 2 + 1);
  for (const auto& fact : facts)
    CHECK(std::ranges::all_of(fact, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }));
  const auto has = [&](const Filter& filter) { return std::ranges::contains(facts, fact_of(filter)); };
  CHECK(has(Filter::eq("year", 2020.0)));
  CHECK(has(Filter::eq("none", nullptr)));
  CHECK(has(Filter::eq("id", "p")));
  CHECK(has(Filter::eq("source", "a.md")));
  CHECK_FALSE(has(Filter::eq("year", "2020")));
  CHECK_FALSE(has(Filter::eq("none", "null")));
  CHECK_FALSE(has(Filter::eq("tags", "a")));
  // where a name ends and a value begins is a part of the fact
  CHECK(fact_of(Filter::eq("ab", "c")) != fact_of(Filter::eq("a", "bc")));
  CHECK(fact_of(Filter::eq("a", 0.0)) == fact_of(Filter::eq("a", -0.0)));
}

TEST_CASE("What Milvus, Weaviate and Redis cannot say is refused, and order is asked of declared numbers only") {
  const Scripted server;
  FakeRedis redis_server;
  const auto milvus = milvus_store("milvus://h/docs", server.options());
  const auto weaviate = weaviate_store("weaviate://h/docs", server.options());
  const auto redis = redis_store(redis_server.uri("docs"), {});
  for (const auto& filter :
       {Filter::contains("a", "b"), Filter::lt("a", "text"), Filter::eq("a", 9'007'199'254'740'993)})
    CHECK(error_of([&] { wait(milvus->count(filter)); }).code() == Errc::unsupported);
  CHECK(server.transport->requests().empty());
  server.transport->serve([](const http::Request&) { return http::SimulatedReply{.status = 404}; });
  for (const auto& store : {weaviate, redis})
    for (const auto& filter : {Filter::contains("a", "b"), Filter::lt("a", "text"), Filter::lt("year", 3)}) {
      const auto error = error_of([&] { wait(store->count(filter)); });
      CHECK(error.code() == Errc::unsupported);
      if (filter.field() == "year") CHECK(std::string_view(error.what()).contains("numbers=year"));
    }
  for (const auto& store : {milvus, weaviate, redis}) {
    CHECK(error_of([&] { wait(store->search({.text = "words"})); }).code() == Errc::unsupported);
    CHECK(error_of([&] { wait(store->upsert({{.id = "a", .text = "no vector"}})); }).code() == Errc::unsupported);
  }
}

TEST_CASE("open_store knows the schemes; names and indexes that cannot be are refused") {
  REQUIRE(remote_store_schemes);
  for (const auto* const uri : {"milvus://127.0.0.1/docs", "weaviate://127.0.0.1/docs", "redis://127.0.0.1/docs"})
    CHECK(open_store(uri) != nullptr);
  for (const auto* const uri : {"milvus://h/a-b", "weaviate://h/1docs", "milvus://h/docs?index=ivf", "redis://h",
                                "redis://h/docs?database=x", "redis://:key-1@h/docs", "weaviate://h"})
    CHECK(error_of([&] { open_store(uri); }).code() == Errc::config_error);
}
