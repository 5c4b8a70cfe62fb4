#include "dspy/server/traces/trace_store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/traces/trace_record.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <deque>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// A trace of one program with one call, `minute` minutes into a day.
TraceRecord record(const std::string& id, int minute, const std::string& asked, const std::string& answered,
                   TraceOrigin origin = {}) {
  const auto started = std::chrono::sys_days(std::chrono::year(2026) / 11 / 1) + std::chrono::minutes(minute);
  origin.id = id;
  if (origin.program.empty()) origin.program = "qa";
  const auto at = iso_time(started);
  TraceRecord out{.origin = origin, .started_ns = std::chrono::nanoseconds(started.time_since_epoch()).count()};
  out.spans.push_back({{"kind", "call"},
                       {"id", 2},
                       {"parent", 1},
                       {"path", "self"},
                       {"started_at", at},
                       {"seconds", 0.5},
                       {"inputs", {{"question", asked}}},
                       {"outputs", {{"answer", answered}}}});
  out.spans.push_back({{"kind", "program"},
                       {"id", 1},
                       {"parent", 0},
                       {"path", ""},
                       {"started_at", at},
                       {"seconds", 0.5 + minute},
                       {"inputs", {{"question", asked}}},
                       {"outputs", {{"answer", answered}}},
                       {"usage",
                        {{"requests", 1},
                         {"prompt_tokens", 10 * minute},
                         {"completion_tokens", 1},
                         {"cost_nanodollars", 1'000'000 * minute}}}});
  return out;
}

std::vector<std::string> ids(const TracePage& page) {
  std::vector<std::string> out;
  for (const auto& item : page.items) out.emplace_back(item.at("id").as_string());
  return out;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a program's spans become one trace that is found and shown whole") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: Paris"});
  const Program program = Predictor(Signature::parse("question -> answer"), {.lm = lm});
  const auto id = draw_trace_id();
  const auto sink = store.sink({.id = id, .tenant = "acme", .program = "capital", .version = "3", .key = "k1"});
  with_context(program, {.trace = sink})({{"question", "What is the capital of France?"}});
  REQUIRE(store.flush(5s));
  CHECK(store.dropped() == 0);

  const auto page = store.list({.tenant = "acme", .text = "capital paris"});
  REQUIRE(page.items.size() == 1);
  const auto& item = page.items[0];
  CHECK(item.at("id").as_string() == id);
  CHECK(item.at("status").as_string() == "ok");
  CHECK(item.at("program").as_string() == "capital");
  CHECK(item.at("spans").to_number<int>() == 3);
  CHECK(item.at("outputs").at("answer").as_string() == "Paris");

  const auto whole = store.get("acme", id);
  REQUIRE(whole);
  const auto& spans = whole->at("spans").as_array();
  REQUIRE(spans.size() == 3);
  CHECK(spans[0].at("kind").as_string() == "attempt");
  CHECK(spans[0].at("messages").as_array().size() >= 1);
  CHECK(spans[0].at("reply").is_object());
  CHECK(spans[2].at("kind").as_string() == "program");
  CHECK(spans[1].at("parent") == spans[2].at("id"));
  CHECK_FALSE(store.get("", id));
  CHECK_FALSE(store.get("other", id));
}

TEST_CASE("a program that fails is a trace with its error") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  const auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"", "", ""});
  const Program program = Predictor(Signature::parse("question -> number: int"), {.lm = lm});
  CHECK_THROWS_AS(with_context(program, {.trace = store.sink({.program = "count"})})({{"question", "How many?"}}),
                  Error);
  REQUIRE(store.flush(5s));
  const auto page = store.list({.filters = {{"status", "error"}}});
  REQUIRE(page.items.size() == 1);
  CHECK_FALSE(page.items[0].at("error").as_string().empty());
  CHECK(store.list({.filters = {{"status", "ok"}}}).items.empty());
}

TEST_CASE("lists are filtered, sorted and paged without a row lost or twice") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  for (int i = 1; i <= 25; ++i)
    REQUIRE(store.add(record(std::format("t{:02}", i), i, i % 2 == 0 ? "even even" : "odd", std::format("n{}", i))));
  REQUIRE(store.flush(5s));

  const auto newest = store.list({.limit = 3});
  CHECK(ids(newest) == Ids{"t25", "t24", "t23"});
  CHECK(newest.total == 25);
  for (const auto* const sort : {"started_at", "seconds", "cost", "tokens"}) {
    for (const bool descending : {true, false}) {
      for (const auto* const text : {"", "even"}) {
        Ids all;
        TraceQuery query{.text = text, .sort = sort, .descending = descending, .limit = 4};
        do {
          const auto page = store.list(query);
          for (const auto& id : ids(page)) all.push_back(id);
          query.cursor = page.next;
        } while (!query.cursor.empty());
        Ids wanted;
        for (int i = 1; i <= 25; ++i) {
          if (*text == '\0' || i % 2 == 0) wanted.push_back(std::format("t{:02}", i));
        }
        if (descending) std::ranges::reverse(wanted);
        CAPTURE(sort);
        CHECK(all == wanted);
      }
    }
  }
  CHECK(ids(store.list({.filters = {{"since", "2026-11-01T00:24:00Z"}}})) == Ids{"t25", "t24"});
  CHECK(ids(store.list({.filters = {{"until", "2026-11-01T00:02:00Z"}}})) == Ids{"t01"});
  CHECK(ids(store.list({.filters = {{"min_cost", "0.025"}}})) == Ids{"t25"});
  CHECK(ids(store.list({.filters = {{"path", "self"}, {"min_seconds", "25"}}})) == Ids{"t25"});
  CHECK(store.list({.filters = {{"path", "else"}}}).items.empty());
  CHECK_THROWS_AS(store.list({.filters = {{"tenant", "x"}}}), Error);
  CHECK_THROWS_AS(store.list({.sort = "program"}), Error);
  CHECK_THROWS_AS(store.list({.cursor = "1~2~cost"}), Error);
  CHECK_THROWS_AS(store.list({.limit = 0}), Error);
}

TEST_CASE("what is typed is text to find, never syntax") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  REQUIRE(store.add(record("a", 1, "The quick brown fox OR the lazy dog", "NEAR it")));
  REQUIRE(store.add(record("b", 2, "Straße nach Köln, \"quoted\" text*", "naïve café")));
  REQUIRE(store.flush(5s));
  const auto found = [&](const std::string& text) { return ids(store.list({.text = text})); };
  CHECK(found("quick fox") == Ids{"a"});
  CHECK(found("\"quick fox\"").empty());
  CHECK(found("\"quick brown\"") == Ids{"a"});
  CHECK(found("qui*") == Ids{"a"});
  CHECK(found("qui").empty());
  CHECK(found("fox OR missing").empty());
  CHECK(found("fox OR") == Ids{"a"});
  CHECK(found("cafe") == Ids{"b"});
  CHECK(found("köln") == Ids{"b"});
  CHECK(found("--- ***").empty());
  CHECK(found("… fox") == Ids{"a"});
  for (const auto* const hostile : {"'; DROP TABLE traces; --", "text:x", "tags:*", "\"", "\"\"", "a AND", "NOT fox",
                                    "^fox", "{text} : fox", "(", "fox NEAR(", "\\", "%", "x' OR '1'='1"})
    CHECK_NOTHROW(store.list({.text = hostile}));
  CHECK(store.list({}).items.size() == 2);
}

TEST_CASE("one tenant sees nothing of another") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  REQUIRE(store.add(record("same", 1, "secret plan", "yes", {.tenant = "a"})));
  REQUIRE(store.add(record("same", 2, "secret plan", "no", {.tenant = "b"})));
  REQUIRE(store.flush(5s));
  for (const auto* const tenant : {"a", "b"}) {
    const auto page = store.list({.tenant = tenant, .text = "secret"});
    REQUIRE(page.items.size() == 1);
    CHECK(page.total == 1);
    CHECK(page.items[0].at("outputs").at("answer").as_string() == (tenant == std::string("a") ? "yes" : "no"));
  }
  CHECK(store.list({.tenant = "c", .text = "secret"}).items.empty());
  CHECK(store.list({}).items.empty());
  CHECK_THROWS_AS(store.add_feedback("c", {.trace = "same", .name = "good", .score = 1}), Error);
  store.add_feedback("a", {.trace = "same", .name = "good", .score = 1});
  CHECK(store.feedback("b").empty());
  CHECK(store.feedback("a", "same").size() == 1);
  CHECK_FALSE(store.remove("c", "same"));
  CHECK(store.remove("a", "same"));
  CHECK(store.feedback("a").empty());
  CHECK(store.get("b", "same"));
}

TEST_CASE("secrets are not kept, and content only if it is wanted") {
  const test::Folder folder;
  {
    TraceStore store(folder.path / "a.sqlite");
    REQUIRE(store.add(record("a", 1, "my key is sk-abcdefghijklmnopqrstuvwx", "ok")));
    REQUIRE(store.flush(5s));
    CHECK_FALSE(to_text(*store.get("", "a")).contains("sk-abcdefghijklmnopqrstuvwx"));
    CHECK(store.list({.text = "abcdefghijklmnopqrstuvwx"}).items.empty());
  }
  TraceStore store(folder.path / "b.sqlite", {.has_content = false});
  REQUIRE(store.add(record("a", 1, "private words", "ok")));
  REQUIRE(store.flush(5s));
  CHECK_FALSE(to_text(*store.get("", "a")).contains("private"));
  CHECK(store.list({.text = "private"}).items.empty());
  CHECK(store.list({}).items.at(0).at("tokens").to_number<int>() == 11);
}

TEST_CASE("what is beyond the limits is left out and counted") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite", {.max_spans = 3, .max_span_bytes = 2'000, .max_queue = 50});
  const auto sink = store.sink({.id = "many"});
  Span root{.kind = Span::Kind::program, .id = Trace::next_id(), .started_at = std::chrono::system_clock::now()};
  sink->begin(root);
  for (int i = 0; i < 5; ++i) {
    Span call{.kind = Span::Kind::call, .id = Trace::next_id(), .parent = root.id, .started_at = root.started_at};
    sink->begin(call);
    sink->end(call);
  }
  const JsonObject large{{"text", std::string(5'000, 'x')}};
  root.inputs = &large;
  sink->end(root);
  REQUIRE(store.flush(5s));
  const auto whole = store.get("", "many");
  REQUIRE(whole);
  CHECK(whole->at("left_out").to_number<int>() == 2);
  CHECK(store.dropped() == 2);
  CHECK(whole->at("spans").as_array().back().at("left_out_bytes").to_number<int>() > 5'000);

  auto huge = record("huge", 1, "x", "y");
  huge.spans.resize(60, huge.spans[0]);
  CHECK_FALSE(store.add(std::move(huge)));
  CHECK(store.dropped() == 62);
}

TEST_CASE("a full disk loses traces, which are counted, and nothing else") {
  const test::Folder folder;
  TraceStore store(folder.path / "traces.sqlite");
  REQUIRE(store.add(record("before", 1, "a", "b")));
  REQUIRE(store.flush(5s));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit small{.rlim_cur = 1, .rlim_max = old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  CHECK(store.add(record("lost", 2, std::string(100'000, 'x'), "b")));
  CHECK(store.flush(5s));
  CHECK(store.dropped() == 2);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  CHECK(store.add(record("after", 3, "a", "b")));
  REQUIRE(store.flush(5s));
  CHECK(ids(store.list({})) == Ids{"after", "before"});
  CHECK(store.dropped() == 2);
}

TEST_CASE("old traces go by age and by size") {
  const test::Folder folder;
  {
    TraceStore store(folder.path / "age.sqlite", {.max_age = std::chrono::hours(1)});
    REQUIRE(store.add(record("old", 1, "a", "b")));
    auto fresh = record("new", 1, "a", "b");
    fresh.started_ns = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    REQUIRE(store.add(std::move(fresh)));
    REQUIRE(store.flush(5s));
    store.retain();
    CHECK(ids(store.list({})) == Ids{"new"});
    CHECK(store.list({.text = "a"}).items.size() == 1);
  }
  TraceStore store(folder.path / "size.sqlite", {.max_bytes = 1'500'000});
  for (int i = 1; i <= 1'400; ++i)
    REQUIRE(store.add(record(std::format("t{}", i), i, std::string(1'000, static_cast<char>('a' + i % 20)), "b")));
  REQUIRE(store.flush(20s));
  store.retain();
  const auto left = store.list({.limit = 1'000});
  CHECK(left.items.size() < 1'400);
  REQUIRE_FALSE(left.items.empty());
  CHECK(left.items[0].at("id").as_string() == "t1400");
}

TEST_CASE("sinks take spans from many threads at once, and traces survive the store") {
  const test::Folder folder;
  {
    TraceStore store(folder.path / "traces.sqlite");
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto sink = store.sink({.tenant = "t"});
        for (int i = 0; i < 100; ++i) {
          Span root{
              .kind = Span::Kind::program, .id = Trace::next_id(), .started_at = std::chrono::system_clock::now()};
          sink->begin(root);
          Span call{.id = Trace::next_id(), .parent = root.id, .started_at = root.started_at};
          sink->begin(call);
          sink->end(call);
          sink->end(root);
        }
      });
    }
  }
  const TraceStore store(folder.path / "traces.sqlite");
  CHECK(store.list({.tenant = "t"}).total == 400);
}

TEST_CASE("a store that is opened again writes nothing") {
  const test::Folder folder;
  const auto file = folder.path / "traces.sqlite";
  {
    TraceStore store(file);
    REQUIRE(store.add(record("1", 1, "2+2?", "4")));
    REQUIRE(store.flush(5s));
  }
  auto log = file;
  log += "-wal";
  // The first store's thread may close its file a little later, which takes the log away.
  for (int i = 0; i < 1000 && std::filesystem::exists(log); ++i) std::this_thread::sleep_for(5ms);
  REQUIRE_FALSE(std::filesystem::exists(log));
  const TraceStore store(file);
  CHECK(store.list({}).items.size() == 1);
  std::error_code code;
  const auto written = std::filesystem::file_size(log, code);
  CHECK((code || written == 0));
}

TEST_CASE("times of the API are read and written") {
  CHECK(iso_time(*parse_iso_time("2026-11-29T20:51:05.123Z")) == "2026-11-29T20:51:05.123Z");
  CHECK(parse_iso_time("2026-11-29")->time_since_epoch() == parse_iso_time("2026-11-29T00:00:00Z")->time_since_epoch());
  CHECK(parse_iso_time("2026-11-29T20:51:05Z"));
  for (const auto* const bad :
       {"", "2026-13-01", "2026-02-30", "2026-11-29T24:00:00Z", "2026-11-29T20:51:05", "2026-11-29 20:51:05Z",
        "2026-11-29T20:51:05.Z", "2026-11-29T20:51:05.1234567890Z", "-026-11-29", "2026-1-29", "9999-01-01"})
    CHECK_FALSE(parse_iso_time(bad));
}
