// Milvus: what goes over the wire, and what it says when something is wrong.  The answers are
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
#include <vector>

using namespace dspy;
using namespace dspy::test;
using doctest::Approx;

namespace {

constexpr std::string_view milvus_collection =
    R"({"code": 0, "data": {"collectionName": "docs", "fields": [
        {"name": "id", "type": "VarChar", "primaryKey": true, "params": [{"key": "max_length", "value": "36"}]},
        {"name": "vector", "type": "FloatVector", "params": [{"key": "dim", "value": "2"}]},
        {"name": "facts", "type": "Array"}],
      "indexes": [{"fieldName": "vector", "indexName": "vector", "metricType": "COSINE"}], "load": "LoadStateLoaded"}})";

}  // namespace

TEST_CASE("Milvus: a collection is made, and passages become rows") {
  Scripted server;
  server.says(R"({"code": 100, "message": "can't find collection[database=default][collection=docs]"})")
      .says(R"({"code": 0, "data": {}})")
      .says(std::string(milvus_collection))
      .says(R"({"code": 0, "cost": 0, "data": {"upsertCount": 1, "upsertIds": ["x"]}})");
  const auto store = milvus_store("milvus://db.example/docs?database=mine", server.options());

  wait(store->upsert({sample_passage("p")}));

  CHECK(server.sent(0).url == "http://db.example:19530/v2/vectordb/collections/describe");
  CHECK(server.body(0) == json(R"({"collectionName": "docs", "dbName": "mine"})"));
  CHECK(server.sent(0).credentials.at(0).header == "Authorization");
  CHECK(server.sent(0).credentials.at(0).prefix == "Bearer ");
  CHECK(server.sent(1).url.ends_with("/collections/create"));
  CHECK(server.body(1) == json(R"({"collectionName": "docs", "dbName": "mine",
      "schema": {"fields": [
        {"fieldName": "id", "dataType": "VarChar", "elementTypeParams": {"max_length": "36"}, "isPrimary": true},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
        {"fieldName": "passage", "dataType": "VarChar", "elementTypeParams": {"max_length": "65535"}},
        {"fieldName": "facts", "dataType": "Array", "elementDataType": "VarChar",
         "elementTypeParams": {"max_capacity": "4096", "max_length": "40"}},
        {"fieldName": "numbers", "dataType": "JSON", "elementTypeParams": {}}]},
      "indexParams": [{"fieldName": "vector", "indexName": "vector", "metricType": "COSINE", "indexType": "FLAT"}],
      "params": {"consistencyLevel": "Strong"}})"));
  CHECK(server.sent(3).url.ends_with("/entities/upsert"));
  const auto row = server.body(3).at("data").at(0).as_object();
  CHECK(row.at("id") == Json(remote::uuid_of("p")));
  CHECK(row.at("vector").at(0).to_number<double>() == Approx(0.6));  // at length 1
  CHECK(parse_json(view(row.at("passage").as_string())).value().at("metadata") == sample_passage("p").metadata);
  CHECK(row.at("facts").as_array().size() == 17);
  CHECK(row.at("numbers") == JsonObject{{remote::number_fact("year"), 2020.0}});
}

TEST_CASE("Milvus: a filter is an expression without a user's text in it") {
  Scripted server;
  server.says(std::string(milvus_collection)).says(R"({"code": 0, "data": []})");
  const auto store = milvus_store("milvus+https://db.example:443/docs", server.options());
  wait(store->search(
      {.vector = {1, 0}, .k = 3, .filter = Filter::eq("lang", "\") or true or (\"") && !Filter::gte("year", 2020)}));
  CHECK(server.sent(1).url == "https://db.example/v2/vectordb/entities/search");
  const auto body = server.body(1);
  const auto number = remote::number_fact("year");
  CHECK(body.at("filter").as_string() ==
        "(array_contains(facts, \"" + fact_of(Filter::eq("lang", "\") or true or (\"")) +
            "\") and (not (array_contains(facts, \"" + number + "\") and (numbers[\"" + number + "\"] >= 2020.0))))");
  CHECK(body.at("limit") == 3);
  CHECK(body.at("annsField") == "vector");
  CHECK(body.at("outputFields") == parse_json(R"(["id", "passage"])").value());
}

TEST_CASE("Milvus: hits, and what is wrong in an answer of status 200") {
  const auto kept = to_text(remote::payload_of(sample_passage("p")));
  Scripted server;
  server.says(std::string(milvus_collection))
      .says(to_text(JsonObject{{"code", 0},
                               {"data", JsonArray{JsonObject{{"distance", 0.75}, {"id", "x"}, {"passage", kept}}}}}));
  const auto hits = wait(milvus_store("milvus://h/docs", server.options())->search({.vector = {1, 0}}));
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].score == 0.75);
  CHECK(hits[0].passage.metadata == sample_passage("p").metadata);
  CHECK(hits[0].passage.end == 9);

  struct Case {
    std::string answer;
    Errc code;
  };
  const std::vector<Case> cases = {
      {R"({"code": 1800, "message": "user hasn't authenticated"})", Errc::authentication_failed},
      {R"({"code": 1100, "message": "invalid parameter"})", Errc::refused},
      {R"({"data": []})", Errc::backend_error},
      {R"([])", Errc::backend_error},
      {R"(<html>)", Errc::backend_error}};
  for (const auto& [answer, code] : cases) {
    CAPTURE(answer);
    Scripted wrong;
    wrong.says(answer);
    CHECK(error_of([&] { wait(milvus_store("milvus://h/docs", wrong.options())->count()); }).code() == code);
    CHECK(wrong.transport->left() == 0);
  }
  Scripted busy;  // again, and then it works
  busy.says(R"({"code": 8, "message": "rate limit exceeded"})").says(std::string(milvus_collection));
  busy.says(R"-({"code": 0, "data": [{"count(*)": 4}]})-");
  CHECK(wait(milvus_store("milvus://h/docs", busy.options())->count()) == 4);
  Scripted foreign;
  foreign.says(R"({"code": 0, "data": {"fields": [{"name": "id", "type": "Int64"}], "indexes": []}})");
  CHECK(error_of([&] { wait(milvus_store("milvus://h/docs", foreign.options())->count()); }).code() ==
        Errc::config_error);
}
