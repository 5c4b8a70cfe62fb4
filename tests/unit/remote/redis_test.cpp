// Redis with its search: what is sent to a server of our own, and what goes wrong.

#include "support/fake_stores/redis.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "retrieve/remote/facts.hpp"
#include "support/scripted_store.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>

using namespace dspy;
using namespace dspy::test;
using doctest::Approx;

TEST_CASE("Redis: what is sent") {
  FakeRedis server;
  const auto store = redis_store(server.uri("docs?numbers=year&database=2"), {});
  wait(store->upsert({sample_passage("a b")}));
  wait(store->count(Filter::eq("lang", "en") && !Filter::gt("year", 2020)));
  wait(store->search({.vector = {3, 4}, .k = 3}));
  const auto sent = server.sent();
  REQUIRE(sent.size() == 11);
  CHECK(sent[0] == "SELECT 2");
  CHECK(sent[1] == "GET docs:about");
  CHECK(sent[2].starts_with("SET docs:about {"));
  CHECK(sent[4] ==
        "FT.CREATE docs ON HASH PREFIX 1 docs:p: SCHEMA facts TAG vector VECTOR FLAT 6 TYPE FLOAT32 DIM 2 "
        "DISTANCE_METRIC "
        "COSINE number0 NUMERIC");
  CHECK(sent[5] == "MULTI");
  CHECK(sent[6] == "DEL docs:p:a b");
  CHECK(sent[7].starts_with("HSET docs:p:a b passage "));
  CHECK(sent[7].ends_with(" number0 2020"));
  CHECK(sent[8] == "EXEC");
  const auto number = remote::number_fact("year");
  CHECK(sent[9] == "FT.SEARCH docs ((@facts:{" + fact_of(Filter::eq("lang", "en")) + "} (@facts:{all} -(@facts:{" +
                       number + "} @number0:[(2020 +inf])))) NOCONTENT LIMIT 0 0 TIMEOUT 600000 DIALECT 2");
  CHECK(sent[10].starts_with("FT.SEARCH docs (@facts:{all})=>[KNN 3 @vector $v AS score] PARAMS 2 v "));
  CHECK(sent[10].ends_with(" SORTBY score ASC LIMIT 0 3 RETURN 2 score passage TIMEOUT 600000 DIALECT 2"));
}

TEST_CASE("Redis: a second process uses the index as it was made") {
  FakeRedis server;
  wait(redis_store(server.uri("docs?numbers=year"), {})->upsert({sample_passage("p")}));
  const auto store = redis_store(server.uri("docs"), {});
  CHECK(wait(store->info()).dimensions == 2);
  CHECK(wait(store->count(Filter::gte("year", 2020))) == 1);
  const auto got = wait(store->get({"p"}));
  REQUIRE(got.size() == 1);
  CHECK(got[0].vector.at(1) == Approx(0.8));
  wait(store->upsert({sample_passage("q")}));  // the index is there already
  CHECK(wait(store->count()) == 2);
  CHECK(wait(store->remove({"p", "q", "r"})) == 2);
  CHECK(error_of([&] { wait(redis_store(server.uri("docs?numbers=size"), {})->count()); }).code() ==
        Errc::config_error);
  RemoteStoreOptions dot;
  dot.similarity = Similarity::dot;
  CHECK(error_of([&] { wait(redis_store(server.uri("docs"), dot)->count()); }).code() == Errc::config_error);
}

TEST_CASE("Redis: passwords, lost connections, and servers without search") {
  using namespace std::chrono_literals;
  FakeRedis locked("key-1");
  RemoteStoreOptions options;
  options.timeouts.total = 2s;
  options.attempts = 2;
  CHECK(error_of([&] { wait(redis_store(locked.uri("docs"), options)->count()); }).code() ==
        Errc::authentication_failed);
  options.api_key = Secret("key-2");
  CHECK(error_of([&] { wait(redis_store(locked.uri("docs"), options)->count()); }).code() ==
        Errc::authentication_failed);
  options.api_key = Secret("key-1");
  const auto store = redis_store(locked.uri("docs"), options);
  wait(store->upsert({sample_passage("p")}));
  locked.drop_all();
  CHECK(wait(store->count()) == 1);  // on a new connection

  FakeRedis plain("", false);
  options.api_key = {};
  const auto error = error_of([&] { wait(redis_store(plain.uri("docs"), options)->upsert({sample_passage("p")})); });
  CHECK(error.code() == Errc::config_error);
  CHECK(std::string_view(error.what()).contains("has no search"));
  CHECK(error_of([&] { wait(redis_store("redis://127.0.0.1:1/docs", options)->count()); }).code() == Errc::unavailable);
}
