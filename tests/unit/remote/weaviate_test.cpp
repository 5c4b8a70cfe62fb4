// Weaviate: what goes over the wire, and what it says when something is wrong.  The answers are
// written from the server's documents, not recorded from one.

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "retrieve/remote/facts.hpp"
#include "retrieve/remote/rest.hpp"
#include "support/scripted_store.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

using namespace dspy;
using namespace dspy::test;

namespace {

constexpr std::string_view weaviate_class =
    R"({"class": "Docs", "description": "{\"dspy\": {\"dimensions\": 2, \"numbers\": [\"year\"]}}",
        "vectorIndexType": "flat", "vectorIndexConfig": {"distance": "cosine"}})";

}  // namespace

TEST_CASE("Weaviate: a class is made, and each object of a batch is looked at") {
  Scripted server;
  server.says("", 404).says(std::string(weaviate_class)).says(std::string(weaviate_class));
  server.says(R"([{"id": "x", "result": {"status": "SUCCESS"}}])");
  const auto store = weaviate_store("weaviate://db.example/docs?numbers=year", server.options());
  wait(store->upsert({sample_passage("p")}));
  CHECK(server.sent(0).url == "http://db.example:8080/v1/schema/Docs");
  const auto made = server.body(1);
  CHECK(made.at("class") == "Docs");
  CHECK(made.at("vectorIndexType") == "flat");
  CHECK(made.at("vectorIndexConfig") == json(R"({"distance": "cosine"})"));
  CHECK(made.at("properties") == parse_json(R"([
      {"name": "passage", "dataType": ["text"], "indexFilterable": false, "indexSearchable": false, "tokenization": "field"},
      {"name": "facts", "dataType": ["text[]"], "indexFilterable": true, "indexSearchable": false, "tokenization": "field"},
      {"name": "number0", "dataType": ["number"], "indexFilterable": true}])")
                                     .value());
  CHECK(server.sent(3).url == "http://db.example:8080/v1/batch/objects");
  const auto object = server.body(3).at("objects").at(0).as_object();
  CHECK(object.at("id") == Json(remote::uuid_of("p")));
  CHECK(object.at("properties").at("number0") == 2020.0);

  server.says(R"([{"id": "x", "result": {"errors": {"error": [{"message": "vector lengths don't match"}]}}}])");
  const auto error = error_of([&] { wait(store->upsert({sample_passage("q")})); });
  CHECK(error.code() == Errc::refused);
  CHECK(std::string_view(error.what()).contains("vector lengths don't match"));
}

TEST_CASE("Weaviate: GraphQL for searches, JSON for removing, errors in answers of status 200") {
  Scripted server;
  server.says(std::string(weaviate_class))
      .says(to_text(JsonObject{
          {"data",
           JsonObject{{"Get", JsonObject{{"Docs", JsonArray{JsonObject{
                                                      {"passage", to_text(remote::payload_of(sample_passage("p")))},
                                                      {"_additional", JsonObject{{"distance", 0.25}}}}}}}}}}}));
  const auto store = weaviate_store("weaviate://h/docs?numbers=year", server.options());
  const auto filter = Filter::ne("lang", "de") && Filter::lt("year", 2021);
  const auto hits = wait(store->search({.vector = {1, 0}, .k = 2, .filter = filter}));
  const auto lang = fact_of(Filter::eq("lang", "de")), number = remote::number_fact("year");
  CHECK(
      server.body(1).at("query").as_string() ==
      R"({ Get { Docs(nearVector: {vector: [1.0,0.0]} limit: 2 where: {operator: And, operands: [{operator: Not, operands: [{path: ["facts"], operator: Equal, valueText: ")" +
          lang + R"("}]}, {operator: And, operands: [{path: ["facts"], operator: Equal, valueText: ")" + number +
          R"("}, {path: ["number0"], operator: LessThan, valueNumber: 2021.0}]}]}) { passage _additional { distance } } } })");
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].score == 0.75);
  CHECK(hits[0].parts.at(0) == ScorePart{.by = "vector", .value = 0.25, .rank = 1});

  server.says(R"({"results": {"matches": 1, "limit": 10000, "successful": 1, "failed": 0}})");
  CHECK(wait(store->remove({"p"})) == 1);
  CHECK(server.sent(2).method == "DELETE");
  CHECK(server.body(2) ==
        json(R"({"match": {"class": "Docs", "where": {"path": ["facts"], "operator": "Equal", "valueText": ")" +
             fact_of(Filter::eq("id", "p")) + "\"}}}"));

  server.says(R"({"errors": [{"message": "no such operator: Not"}], "data": {"Aggregate": {"Docs": null}}})");
  const auto error = error_of([&] { wait(store->count(filter)); });
  CHECK(error.code() == Errc::refused);
  CHECK(std::string_view(error.what()).contains("no such operator"));
  for (const auto& [status, code] :
       {std::pair{401, Errc::authentication_failed}, {404, Errc::refused}, {422, Errc::refused}}) {
    server.says(R"({"error": [{"message": "no"}]})", status);
    CHECK(error_of([&] { wait(store->count()); }).code() == code);
  }
  server.says("busy", 503).says(R"({"data": {"Aggregate": {"Docs": [{"meta": {"count": 4}}]}}})");
  CHECK(wait(store->count()) == 4);
}
