#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "dspy/retrieve/store.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;
using doctest::Approx;

namespace {

/// A server that gives the answers of a script.
struct Scripted {
  std::shared_ptr<http::SimulatedTransport> transport = std::make_shared<http::SimulatedTransport>();

  Scripted& says(std::string body, int status = 200) {
    transport->reply({.status = status, .body = std::move(body)});
    return *this;
  }
  RemoteStoreOptions options() const {
    RemoteStoreOptions out;
    out.api_key = Secret("key-1");
    out.transport = transport;
    out.attempts = 2;
    return out;
  }
  http::Request sent(std::size_t i) const { return transport->requests().at(i); }
  JsonObject body(std::size_t i) const { return parse_json(sent(i).body).value().as_object(); }
};

Passage passage(std::string id) {
  return {.id = std::move(id),
          .text = "a text",
          .vector = {0.6F, 0.8F},
          .metadata = {{"lang", "en"}, {"year", 2020}, {"tags", {"a", 1}}, {"none", nullptr}},
          .source = "a.md",
          .begin = 3,
          .end = 9};
}

JsonObject json(std::string_view text) {
  return parse_json(text).value().as_object();
}

constexpr std::string_view qdrant_collection =
    R"({"result": {"config": {"params": {"vectors": {"size": 2, "distance": "Cosine"}}}}, "status": "ok"})";
constexpr std::string_view qdrant_point =
    R"({"id": "x", "score": 0.75, "payload": {"id": "p", "text": "t", "source": "s", "begin": 1, "end": 2, "metadata": {"n": [1]}}})";

template <class F>
Errc code_of(F work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("nothing was thrown");
  return Errc::io_error;
}

}  // namespace

TEST_CASE("Qdrant: a collection is made, and passages become points") {
  Scripted server;
  server.says("{}", 404).says("{}").says(std::string(qdrant_collection)).says(R"({"result": {}})");
  const auto store = qdrant_store("qdrant://db.example/docs", server.options());

  wait(store->upsert({passage("p")}));

  CHECK(server.sent(1).method == "PUT");
  CHECK(server.sent(1).url == "http://db.example:6333/collections/docs");
  CHECK(server.body(1) == json(R"({"vectors": {"size": 2, "distance": "Cosine"}})"));
  CHECK(server.sent(3).url == "http://db.example:6333/collections/docs/points?wait=true");
  CHECK(server.sent(3).credentials.at(0).header == "api-key");
  const auto point = server.body(3).at("points").at(0).as_object();
  CHECK(point.at("id").as_string().size() == 36);
  CHECK(point.at("id").as_string()[14] == '8');
  const auto& payload = point.at("payload").as_object();
  CHECK(payload.at("metadata") == passage("p").metadata);
  CHECK(payload.at("scalar") == json(R"({"lang": "en", "year": 2020.0, "none": null})"));
  CHECK(payload.at("list") == json(R"({"tags": ["a", 1.0]})"));
  CHECK(payload.at("fields") == parse_json(R"(["lang", "year", "tags", "none"])").value());
}

TEST_CASE("Qdrant: filters are written in its conditions, and searches read back") {
  Scripted server;
  server.says(std::string(qdrant_collection)).says(R"({"result": {"points": [)" + std::string(qdrant_point) + "]}}");
  const auto store = qdrant_store("qdrant+https://db.example:443/docs", server.options());

  const auto hits = wait(store->search({.vector = {1, 0},
                                        .k = 3,
                                        .filter = Filter::all({Filter::eq("lang", "en"), !Filter::gte("year", 2020),
                                                               Filter::nin("lang", {"de"}), Filter::exists("none")})}));

  CHECK(server.sent(1).url == "https://db.example/collections/docs/points/query");
  CHECK(server.body(1).at("filter") == json(R"({"must": [
          {"key": "scalar.lang", "match": {"value": "en"}},
          {"must_not": [{"key": "scalar.year", "range": {"gte": 2020.0}}]},
          {"must_not": [{"should": [{"key": "scalar.lang", "match": {"value": "de"}}]}]},
          {"key": "fields", "match": {"value": "none"}}]})"));
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].score == 0.75);
  CHECK(hits[0].passage.id == "p");
  CHECK(hits[0].passage.metadata == json(R"({"n": [1]})"));
  CHECK(hits[0].parts.at(0) == ScorePart{.by = "vector", .value = 0.75, .rank = 1});
}

TEST_CASE("Chroma: parallel lists, one key a condition, distances as scores") {
  Scripted server;
  const std::string collection =
      R"({"id": "u-1", "name": "docs", "dimension": 2, "configuration_json": {"hnsw": {"space": "cosine"}}})";
  server.says(collection).says(R"({"max_batch_size": 100})");
  server.says(R"({"ids": ["p"], "metadatas": [{"lang": "de", "size": 3}]})").says("{}");
  const auto store = chroma_store("chroma://db.example/docs?tenant=t", server.options());

  wait(store->upsert({passage("p")}));
  const std::string base = "http://db.example:8000/api/v2/tenants/t/databases/default_database/collections";
  CHECK(server.sent(0).url == base + "/docs");
  CHECK(server.body(2) == json(R"({"ids": ["p"], "include": ["metadatas"]})"));
  CHECK(server.sent(3).url == base + "/u-1/upsert");
  const auto body = server.body(3);
  CHECK(body.at("ids") == JsonArray{"p"});
  const auto metadata = body.at("metadatas").at(0).as_object();
  CHECK(metadata.at("year") == 2020.0);
  CHECK(metadata.at("size").is_null());  // it had one before
  CHECK_FALSE(metadata.contains("tags"));
  CHECK(metadata.at("dspy_source") == "a.md");

  server.says(to_text(JsonObject{{"ids", JsonArray{JsonArray{"p"}}},
                                 {"documents", JsonArray{JsonArray{"a text"}}},
                                 {"metadatas", JsonArray{JsonArray{Json(metadata)}}},
                                 {"distances", JsonArray{JsonArray{0.25}}}}));
  const auto hits = wait(
      store->search({.vector = {1, 0}, .k = 2, .filter = !(Filter::eq("lang", "de") || Filter::in("year", {1, "x"}))}));
  CHECK(server.body(4).at("where") == json(R"({"$and": [{"lang": {"$ne": "de"}},
      {"$and": [{"year": {"$nin": ["x"]}}, {"year": {"$nin": [1.0]}}]}]})"));
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].score == Approx(0.75));
  auto expected = passage("p");
  expected.vector.clear();
  CHECK(hits[0].passage == expected);
}

TEST_CASE("Pinecone: vectors, metadata and a namespace") {
  Scripted server;
  const auto store = pinecone_store("pinecone://i.svc.pinecone.io/ns", server.options());
  server.says(R"({"upsertedCount": 1})");
  wait(store->upsert({passage("p")}));
  CHECK(server.sent(0).url == "https://i.svc.pinecone.io/vectors/upsert");
  CHECK(server.body(0).at("namespace") == "ns");
  const auto metadata = server.body(0).at("vectors").at(0).at("metadata");
  server.says(R"({"dimension": 2, "metric": "dotproduct", "namespaces": {"ns": {"vectorCount": 7}}})")
      .says(
          to_text(JsonObject{{"matches", JsonArray{JsonObject{{"id", "p"}, {"score", 1.5}, {"metadata", metadata}}}}}));
  const auto hits = wait(store->search({.vector = {1, 0}, .filter = Filter::exists("lang")}));
  CHECK(server.body(2).at("filter") == json(R"({"lang": {"$exists": true}})"));
  CHECK(hits.at(0).score == 1.5);
  CHECK(hits.at(0).passage.metadata == passage("p").metadata);
}

TEST_CASE("What a server cannot say is refused before anything is sent") {
  const Scripted server;
  const auto chroma = chroma_store("chroma://h/docs", server.options());
  const auto qdrant = qdrant_store("qdrant://h/docs", server.options());
  const auto pinecone = pinecone_store("pinecone://h/ns", server.options());
  const auto filtered = [](const std::shared_ptr<Store>& store, const Filter& filter) {
    return code_of([&] { wait(store->count(filter)); });
  };
  const auto searched = [](const std::shared_ptr<Store>& store, const Filter& filter) {
    return code_of([&] { wait(store->search({.vector = {1, 0}, .filter = filter})); });
  };
  for (const auto& filter : {Filter::exists("a"), Filter::contains("a", "b"), !Filter::gt("a", 1),
                             Filter::eq("a", nullptr), Filter::lt("a", "text"), Filter::eq("text", "t")})
    CHECK(filtered(chroma, filter) == Errc::unsupported);
  for (const auto& filter : {Filter::contains("a", "b"), Filter::lt("a", "text"), Filter::eq("a.b", 1)})
    CHECK(filtered(qdrant, filter) == Errc::unsupported);
  CHECK(searched(pinecone, Filter::ne("a", 1)) == Errc::unsupported);
  for (const auto& store : {chroma, qdrant, pinecone}) {
    CHECK(code_of([&] { wait(store->search({.text = "words"})); }) == Errc::unsupported);
    CHECK(code_of([&] { wait(store->upsert({{.id = "a", .text = "no vector"}})); }) == Errc::unsupported);
  }
  CHECK(server.transport->requests().empty());
}

TEST_CASE("A busy server is asked again, a refusal is not, and keys get into no message") {
  Scripted server;
  server.says("busy", 503).says(std::string(qdrant_collection)).says(R"({"result": {"count": 4}})");
  CHECK(wait(qdrant_store("qdrant://h/docs", server.options())->count()) == 4);
  Scripted broken;
  broken.says("busy", 503).says("busy", 503);
  CHECK(code_of([&] { wait(qdrant_store("qdrant://h/docs", broken.options())->count()); }) == Errc::unavailable);
  Scripted closed;
  closed.says(R"({"status": {"error": "forbidden"}})", 403);
  try {
    wait(qdrant_store("qdrant://h/docs", closed.options())->count());
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::authentication_failed);
    CHECK_FALSE(std::string_view(error.what()).contains("key-1"));
  }
  Scripted odd;
  odd.says("<html>");
  CHECK(code_of([&] { wait(qdrant_store("qdrant://h/docs", odd.options())->count()); }) == Errc::backend_error);
}

TEST_CASE("A collection that is not there is empty; URIs that name none are refused") {
  Scripted server;
  server.says("{}", 404).says("{}", 404);
  const auto store = qdrant_store("qdrant://h/docs", server.options());
  CHECK(wait(store->search({.vector = {1}})).empty());
  CHECK(wait(store->scan()).passages.empty());
  for (const auto* const uri : {"qdrant://h", "qdrant://h/a/b", "qdrant://user:secret@h/docs", "qdrant:docs"}) {
    try {
      qdrant_store(uri);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::config_error);
      CHECK_FALSE(std::string_view(error.what()).contains("secret"));
    }
  }
}
