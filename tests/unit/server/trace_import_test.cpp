#include "dspy/server/traces/trace_import.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/lm/tracing/sinks.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/traces/trace_diff.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::server;

namespace {

std::string span(int id, int parent, const std::string& kind = "call", const std::string& answer = "4") {
  return to_text(JsonObject{{"kind", kind},
                            {"id", id},
                            {"parent", parent},
                            {"path", "p"},
                            {"started_at", "2026-11-01T10:00:00.000Z"},
                            {"seconds", 0.1},
                            {"outputs", {{"answer", answer}}}}) +
         "\n";
}

}  // namespace

TEST_CASE("a file of JsonlTrace becomes the traces that it is made of") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: 4", "Answer: 9"});
  {
    const auto trace = std::make_shared<JsonlTrace>(file);
    const auto program =
        with_context(Program(Predictor(Signature::parse("question -> answer"), {.lm = lm})), {.trace = trace});
    program({{"question", "2 + 2?"}});
    program({{"question", "4 + 5?"}});
  }
  TraceStore store(folder.path / "traces.sqlite");
  for (int i = 0; i < 2; ++i) {  // twice the same
    std::ifstream in(file);
    const auto imported = import_traces(store, in, {.tenant = "t", .program = "sum"});
    CHECK(imported.traces == 2);
    CHECK(imported.spans == 6);
    CHECK(imported.bad_lines == 0);
  }
  CHECK(store.list({.tenant = "t"}).total == 2);
  const auto page = store.list({.tenant = "t", .text = "9"});
  REQUIRE(page.items.size() == 1);
  CHECK(page.items[0].at("program").as_string() == "sum");
}

TEST_CASE("what is not a span is told, and a process that was killed leaves an unfinished trace") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  std::istringstream in(span(3, 2) + "no JSON\n[]\n{}\n" + span(2, 0) + span(12, 11) + span(11, 10) +
                        R"({"kind":"call","id":-1,"parent":0,"started_at":"2026-11-01"})" + "\n" +
                        R"({"kind":"call","id":1,"parent":0,"started_at":"yesterday"})" + "\n");
  const auto imported = import_traces(store, in, {});
  CHECK(imported.traces == 2);
  CHECK(imported.spans == 4);
  CHECK(imported.bad_lines == 5);
  CHECK(imported.first_problem.contains("JSON"));
  CHECK(store.list({.filters = {{"status", "unfinished"}}}).items.size() == 1);
  CHECK(store.list({.filters = {{"status", "ok"}}}).items.size() == 1);
}

TEST_CASE("two processes may have used the same ids in one file") {
  std::vector<TraceRecord> kept;
  TraceAssembler assembler({}, [&](TraceRecord record) { kept.push_back(std::move(record)); });
  for (const auto* const answer : {"one", "two"}) {
    assembler.add(span(2, 1, "call", answer));
    assembler.add(span(1, 0, "program", answer));
  }
  assembler.add(span(5, 5));  // part of itself
  assembler.finish();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].spans.size() == 2);
  CHECK(kept[0].origin.id != kept[1].origin.id);
}

TEST_CASE("a difference of two traces names what changed") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  std::istringstream in(span(2, 1, "call", "4") + span(1, 0, "program", "4") + span(12, 11, "call", "5") +
                        span(13, 11, "call", "5") + span(11, 0, "program", "5"));
  import_traces(store, in, {});
  const auto page = store.list({});
  REQUIRE(page.items.size() == 2);
  const auto whole = [&](const std::string& answer) {
    const auto found = store.list({.text = answer}).items.at(0);
    return *store.get("", std::string(found.at("id").as_string()));
  };
  const auto diff = trace_diff(whole("4"), whole("5"));
  REQUIRE(diff.at("outputs").as_array().size() == 1);
  CHECK(diff.at("outputs").as_array()[0].at("a").as_string() == "4");
  CHECK(diff.at("outputs").as_array()[0].at("b").as_string() == "5");
  std::vector<std::string> changes;
  for (const auto& each : diff.at("spans").as_array())
    changes.push_back(std::string(each.at("span").as_string()) + ": " + std::string(each.at("change").as_string()));
  CHECK(changes == std::vector<std::string>{"program p #1: changed", "call p #1: changed", "call p #2: only_b"});
  const auto same = trace_diff(whole("4"), whole("4"));
  for (const auto& each : same.at("spans").as_array()) CHECK(each.at("change").as_string() == "same");
}
