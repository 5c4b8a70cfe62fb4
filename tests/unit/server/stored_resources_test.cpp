#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/served_names.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/runs.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "support/folder.hpp"
#include "support/server_fixture.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

const auto signature = Signature::parse("question -> answer");

struct Fixture {
  test::Folder folder;
  std::vector<std::string> changes;
  ResourceServices services{
      .workspace = Workspace(folder.path),
      .traces = std::make_shared<TraceStore>(folder.path / "traces.sqlite"),
      .on_change = [this](std::string_view, std::string_view resource, std::string_view id, std::string_view change) {
        changes.push_back(std::format("{} {} {}", resource, id, change));
      }};
  Routes routes;

  void serve() {
    routes.add(standard_resources(services).routes());
    routes.add(feedback_routes(services));
  }
  JsonObject get(const std::string& target) {
    const auto answer = test::ask(routes, "GET", target);
    CAPTURE(answer.text);
    REQUIRE(answer.status == 200);
    return answer.object();
  }
  JsonObject post(const std::string& target, const Json& body = JsonObject()) {
    const auto answer = test::ask(routes, "POST", target, body);
    CAPTURE(answer.text);
    REQUIRE(answer.status < 300);
    return answer.object();
  }
};

Program answering(std::deque<std::string> replies) {
  for (auto& reply : replies) reply = "Answer: " + reply;
  return Predictor(signature, {.lm = std::make_shared<ScriptedLM>(std::move(replies))});
}

EvaluationResult evaluated(std::deque<std::string> replies) {
  std::vector<Example> examples;
  for (int i = 0; i < 4; ++i)
    examples.emplace_back(JsonObject{{"question", std::to_string(i)}, {"answer", "yes"}},
                          std::vector<std::string>{"question"});
  return Evaluate({.metric = metrics::exact_match("answer"), .concurrency = 1})(answering(std::move(replies)),
                                                                                examples);
}

}  // namespace

TEST_CASE("a dataset is imported, read in pages, labelled, edited and exported") {
  Fixture fixture;
  fixture.serve();
  fixture.post("/api/datasets/import",
               {{"name", "tickets"}, {"text", "{\"ticket\":\"broken\"}\n\n{\"ticket\":\"late\"}\n"}});
  CHECK(fixture.post("/api/datasets/tickets/add_row", {{"values", {{"ticket", "cold"}, {"team", "b"}}}})
            .at("row")
            .to_number<int>() == 2);
  fixture.post("/api/datasets/tickets/label", {{"row", 0}, {"field", "team"}, {"value", "a"}});
  fixture.post("/api/datasets/tickets/edit_row",
               {{"row", 1}, {"values", {{"ticket", "too late"}}}, {"expected", {{"ticket", "late"}}}});
  const auto stale = test::ask(fixture.routes, "POST", "/api/datasets/tickets/edit_row",
                               {{"row", 1}, {"values", {{"ticket", "x"}}}, {"expected", {{"ticket", "late"}}}});
  CHECK(stale.status == 409);

  const auto listed = fixture.get("/api/datasets").at("items").as_array();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].at("rows").to_number<int>() == 3);
  CHECK(to_text(listed[0].at("fields")) == R"(["ticket","team"])");
  const auto page = fixture.get("/api/datasets/tickets/rows?limit=2&sort=-row");
  CHECK(page.at("items").as_array()[0].at("row").to_number<int>() == 2);
  CHECK(page.at("total").to_number<int>() == 3);
  CHECK(fixture.get("/api/datasets/tickets/rows?q=late").at("items").as_array().size() == 1);
  CHECK(fixture.post("/api/datasets/tickets/export").at("text").as_string() ==
        "{\"ticket\":\"broken\",\"team\":\"a\"}\n{\"ticket\":\"too late\"}\n{\"ticket\":\"cold\",\"team\":\"b\"}\n");
  fixture.post("/api/datasets/tickets/remove_row", {{"row", 0}});
  CHECK(fixture.get("/api/datasets/tickets").at("rows").to_number<int>() == 2);

  // The journal knows what was there before.
  const auto journal = fixture.folder.read("datasets/tickets.edits");
  CHECK(std::ranges::count(journal, '\n') == 5);
  CHECK(journal.contains(R"("before":{"ticket":"late"})"));
  CHECK(fixture.changes.front() == "datasets tickets created");

  for (const auto& [target, body] : std::vector<std::pair<std::string, Json>>{
           {"/api/datasets/none/add_row", {{"values", JsonObject()}}}, {"/api/datasets/none/export", JsonObject()}}) {
    CHECK(test::ask(fixture.routes, "POST", target, body).status == 404);
  }
  CHECK(test::ask(fixture.routes, "POST", "/api/datasets/tickets/label", {{"row", 9}, {"field", "a"}, {"value", 1}})
            .status == 400);
  CHECK(test::ask(fixture.routes, "POST", "/api/datasets/tickets/import", {{"text", "[1]"}}).status == 400);
  CHECK(fixture.get("/api/datasets/tickets").at("rows").to_number<int>() == 2);
}

TEST_CASE("rows that are added at once are all there") {
  Fixture fixture;
  fixture.serve();
  fixture.post("/api/datasets/import", {{"name", "d"}, {"text", "{}"}});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i)
          test::ask(fixture.routes, "POST", "/api/datasets/d/add_row", {{"values", {{"i", i}}}});
      });
    }
  }
  CHECK(fixture.get("/api/datasets/d").at("rows").to_number<int>() == 41);
}

TEST_CASE("evaluations are kept, shown by example and compared") {
  Fixture fixture;
  const auto& workspace = fixture.services.workspace;
  CHECK(keep_run(workspace, "", "a", evaluated({"yes", "no", "no", "no"}), {.program = "qa:1", .dataset = "d"}) == "a");
  keep_run(workspace, "", "b", evaluated({"yes", "yes", "yes", "no"}), {.program = "qa:2", .dataset = "d"});
  CHECK_THROWS_AS(keep_run(workspace, "", "a", evaluated({"yes", "no", "no", "no"}), {}), Error);
  CHECK_THROWS_AS(keep_run(workspace, "", "../a", evaluated({"yes", "no", "no", "no"}), {}), Error);
  fixture.folder.write("runs/broken.json", "{");
  fixture.serve();
  const auto items = fixture.get("/api/runs?sort=score").at("items").as_array();
  REQUIRE(items.size() == 3);
  CHECK(items[0].as_object().contains("problem"));
  CHECK(items[1].at("id").as_string() == "a");
  CHECK(items[1].at("program").as_string() == "qa:1");
  CHECK(items[2].at("score").to_number<double>() == doctest::Approx(75));
  const auto whole = fixture.get("/api/runs/b");
  const auto& example = whole.at("examples").as_array().at(3).as_object();
  CHECK(example.at("expected").at("answer").as_string() == "yes");
  CHECK(example.at("outputs").at("answer").as_string() == "no");
  CHECK(example.at("inputs").at("question").as_string() == "3");
  const auto compared = fixture.post("/api/runs/a/compare", {{"other", "b"}});
  CHECK(compared.at("flips").as_array().size() == 2);
  CHECK(compared.at("difference").to_number<double>() == doctest::Approx(50));
  CHECK(compared.at("p_value").to_number<double>() == doctest::Approx(0.5));
  CHECK(test::ask(fixture.routes, "POST", "/api/runs/a/compare", {{"other", "none"}}).status == 404);
}

TEST_CASE("a version is compared, promoted through its gates, and rolled back") {
  Fixture fixture;
  {
    Registry registry(fixture.folder.path / "registry.sqlite");
    auto program = answering({});
    registry.add("qa", to_program_file(program), {.score = 0.5});
    auto other = Predictor(signature.with_instructions("Be brief."),
                           {.lm = std::make_shared<ScriptedLM>(std::deque<std::string>{})});
    registry.add("qa", to_program_file(Program(other)), {.score = 0.9});
    registry.move_alias("qa", "production", {}, 1, "first");
  }
  const auto& workspace = fixture.services.workspace;
  keep_run(workspace, "", "old", evaluated({"no", "no", "no", "no"}), {});
  keep_run(workspace, "", "new", evaluated({"yes", "yes", "yes", "yes"}), {});
  fixture.serve();
  CHECK(fixture.get("/api/programs").at("items").as_array().at(0).at("aliases").at("production").to_number<int>() == 1);
  const auto compared = fixture.post("/api/programs/qa/compare", {{"a", "1"}, {"b", "2"}});
  CHECK(compared.at("predictors").as_array().at(0).at("same").as_bool() == false);
  CHECK(compared.at("predictors").as_array().at(0).at("b").at("instructions").as_string() == "Be brief.");

  auto answer =
      fixture.post("/api/programs/qa/promote",
                   {{"alias", "production"}, {"version", "2"}, {"champion_run", "new"}, {"challenger_run", "old"}});
  CHECK(answer.at("promoted").as_bool() == false);
  CHECK(fixture.get("/api/programs/qa").at("aliases").at("production").to_number<int>() == 1);
  answer =
      fixture.post("/api/programs/qa/promote",
                   {{"alias", "production"}, {"version", "2"}, {"champion_run", "old"}, {"challenger_run", "new"}});
  CHECK(answer.at("promoted").as_bool());
  const auto whole = fixture.get("/api/programs/qa");
  CHECK(whole.at("aliases").at("production").to_number<int>() == 2);
  CHECK(whole.at("versions").as_array().size() == 2);
  CHECK(fixture.post("/api/programs/qa/rollback", {{"alias", "production"}}).at("version").to_number<int>() == 1);
  CHECK(test::ask(fixture.routes, "POST", "/api/programs/qa/promote",
                  {{"alias", "production"}, {"version", "2"}, {"expected", 2}})
            .status != 200);
  CHECK(test::ask(fixture.routes, "POST", "/api/programs/none/rollback", {{"alias", "production"}}).status == 404);
}

TEST_CASE("a trace is judged, replayed, compared and sent to a dataset") {
  Fixture fixture;
  const auto catalog = std::make_shared<Catalog>();
  catalog->put(
      ServedProgram{.name = "qa", .version = "2", .program = answering({"Lyon", "Paris"}), .signature = signature});
  fixture.services.catalog = catalog;
  fixture.serve();
  const auto traced = with_context(
      answering({"Paris"}), {.trace = fixture.services.traces->sink({.id = "first", .program = "qa", .version = "1"})});
  traced({{"question", "capital?"}});
  CHECK(fixture.post("/v1/feedback", {{"trace_id", "first"}, {"name", "right"}, {"score", 1}, {"comment", "good"}})
            .contains("id"));
  fixture.post("/api/traces/first/feedback", {{"name", "right"}, {"score", 0.5}});
  CHECK(fixture.get("/api/traces/first").at("feedback").as_array().size() == 2);
  CHECK(fixture.get("/api/feedback?sort=-score").at("items").as_array().at(0).at("comment").as_string() == "good");
  for (const auto& bad :
       {Json{{"trace_id", "none"}, {"name", "a"}, {"score", 1}},
        Json{{"trace_id", "first"}, {"name", " "}, {"score", 1}}, Json{{"trace_id", "first"}, {"name", "a"}},
        Json{{"name", "a"}, {"score", 1}}, Json{{"trace_id", 1}, {"name", "a"}, {"score", 1}}})
    CHECK(test::ask(fixture.routes, "POST", "/v1/feedback", bad).status == 400);

  const auto replayed = fixture.post("/api/traces/first/replay");
  CHECK(replayed.at("same").as_bool() == false);
  CHECK(replayed.at("outputs").at("answer").as_string() == "Lyon");
  CHECK(fixture.post("/api/traces/first/replay").at("same").as_bool());
  REQUIRE(fixture.services.traces->flush(5s));
  const auto other = std::string(replayed.at("trace_id").as_string());
  const auto diff = fixture.post("/api/traces/first/diff", {{"other", other}});
  CHECK(diff.at("outputs").as_array().at(0).at("b").as_string() == "Lyon");
  CHECK(diff.at("version").at("b").as_string() == "2");
  fixture.post("/api/traces/first/to_dataset", {{"dataset", "kept"}});
  fixture.post("/api/traces/first/to_dataset", {{"dataset", "kept"}, {"outputs", {{"answer", "right one"}}}});
  CHECK(fixture.post("/api/datasets/kept/export").at("text").as_string() ==
        "{\"question\":\"capital?\",\"answer\":\"Paris\"}\n{\"question\":\"capital?\",\"answer\":\"right one\"}\n");
  fixture.post("/api/traces/first/remove");
  CHECK(test::ask(fixture.routes, "GET", "/api/traces/first").status == 404);
}

TEST_CASE("an experiment reads feedback on traces of its arms") {
  Fixture fixture;
  fixture.serve();
  ServedNames served(fixture.services.workspace);
  served.tell({"qa"});
  fixture.post("/api/experiments/start",
               {{"name", "brevity"},
                {"program", "qa"},
                {"metric", "right"},
                {"arms", {{{"name", "old"}, {"version", "1"}}, {{"name", "new"}, {"version", "2"}}}}});
  for (int i = 0; i < 12; ++i) {
    const auto id = std::format("t{}", i);
    const auto traced = with_context(
        answering({"x"}),
        {.trace = fixture.services.traces->sink({.id = id, .program = "qa", .version = i % 2 == 0 ? "1" : "2"})});
    traced({{"question", "?"}});
    fixture.post("/v1/feedback", {{"trace_id", id}, {"name", "other"}, {"score", 7}});
    fixture.post("/v1/feedback", {{"trace_id", id}, {"name", "right"}, {"score", i % 2}});
  }
  const auto result = fixture.post("/api/experiments/brevity/result");
  CHECK(result.at("counts").at("old").to_number<int>() == 6);
  CHECK(result.at("result").at("control_mean").to_number<double>() == 0);
  CHECK(result.at("result").at("comparisons").as_array().at(0).at("difference").to_number<double>() == 1);
  CHECK(fixture.post("/api/experiments/brevity/stop").at("state").as_string() == "stopped");
  CHECK(fixture.get("/api/experiments").at("items").as_array().at(0).at("state").as_string() == "stopped");
  CHECK(test::ask(fixture.routes, "POST", "/api/experiments/start",
                  {{"name", "brevity"},
                   {"program", "qa"},
                   {"metric", "right"},
                   {"arms", {{{"name", "a"}, {"version", "1"}}, {{"name", "b"}, {"version", "2"}}}}})
            .status == 409);
  CHECK(test::ask(
            fixture.routes, "POST", "/api/experiments/start",
            {{"name", "one"}, {"program", "qa"}, {"metric", "right"}, {"arms", {{{"name", "a"}, {"version", "1"}}}}})
            .status == 400);
}

TEST_CASE("an index is searched with the parts of its scores") {
  Fixture fixture;
  {
    EmbeddedStore store((fixture.folder.path / "indexes" / "docs").string());
    wait(store.upsert({{.id = "1", .text = "reset the router"}, {.id = "2", .text = "pay the bill"}}));
  }
  fixture.serve();
  CHECK(fixture.get("/api/indexes").at("items").as_array().at(0).at("passages").to_number<int>() == 2);
  const auto hits = fixture.post("/api/indexes/docs/search", {{"query", "router"}}).at("hits").as_array();
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].at("text").as_string() == "reset the router");
  CHECK_FALSE(hits[0].at("parts").as_array().empty());
  CHECK(test::ask(fixture.routes, "POST", "/api/indexes/none/search", {{"query", "x"}}).status == 404);
  CHECK(test::ask(fixture.routes, "POST", "/api/indexes/docs/search", {{"query", "x"}, {"k", 1000}}).status == 400);
}

TEST_CASE("reports, checkpoints and journals are shown as they are, and what is damaged says so") {
  Fixture fixture;
  std::filesystem::create_directories(fixture.folder.path / "optimizations");
  fixture.folder.write(
      "optimizations/done.json",
      R"({"optimizer":"GEPA","metric":"m","score":0.9,"examples":2,"usage":{"requests":7},"seconds":1,"curve":[{"requests":3,"tokens":5,"seconds":1,"best":0.5}],)"
      R"("candidates":[{"origin":"student","prompts":{},"score":0.5,"row_scores":[1,0]},{"origin":"x","prompts":{},"parents":[0],"score":0.9,"row_scores":[0.8,1]}]})");
  fixture.folder.write(
      "optimizations/open.jsonl",
      "{\"kind\":\"run\",\"format\":1,\"run\":{\"optimizer\":\"MIPROv2\"},\"sum\":\"x\"}\n"
      "{\"kind\":\"rollout\",\"key\":\"k\",\"rollout\":{\"usage\":{\"requests\":2}},\"sum\":\"x\"}\n{\"kind\":\"sc");
  fixture.folder.write("optimizations/bad.json", "[]");
  fixture.serve();
  const auto items = fixture.get("/api/optimizations?sort=id").at("items").as_array();
  REQUIRE(items.size() == 3);
  CHECK(items[0].as_object().contains("problem"));
  CHECK(items[2].at("state").as_string() == "stopped");
  CHECK(items[2].at("rollouts").to_number<int>() == 1);
  const auto whole = fixture.get("/api/optimizations/done");
  CHECK(whole.at("points").as_array().at(0).at("cost").to_number<int>() == 3);
  CHECK(whole.at("candidates").as_array().at(1).at("parent").to_number<int>() == 0);
  CHECK(whole.at("front").as_array().size() == 2);
  CHECK(test::ask(fixture.routes, "GET", "/api/agents/none").status == 404);
}
