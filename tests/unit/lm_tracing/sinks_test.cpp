#include "dspy/lm/tracing/sinks.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace dspy;

namespace {

Predict<> asking(std::deque<std::string> replies) {
  return Predict<>("question -> answer", {.lm = std::make_shared<ScriptedLM>(std::move(replies))});
}

std::vector<JsonObject> objects(const std::string& lines) {
  std::vector<JsonObject> out;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = lines.find('\n', at);
    REQUIRE(end != std::string::npos);
    const auto json = parse_json(std::string_view(lines).substr(at, end - at));
    REQUIRE(json.has_value());
    out.push_back(json->get_object());
    at = end + 1;
  }
  return out;
}

}  // namespace

TEST_CASE("A trace file has a line for each span, without keys") {
  const test::Folder folder;
  const auto file = std::make_shared<JsonlTrace>(folder.path / "run.jsonl");
  const auto program = with_context(asking({"Answer: Paris"}), {.trace = file});

  program({{"question", "My key is sk-abcdefghijklmnopqrstuvwxyz, what is the capital of France?"}});

  const auto text = folder.read("run.jsonl");
  const auto spans = objects(text);
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].at("kind") == "attempt");
  CHECK(spans[1].at("kind") == "call");
  CHECK(spans[1].at("outputs").at("answer") == "Paris");
  CHECK_FALSE(text.contains("sk-abc"));
  CHECK(text.contains("My key is [redacted]"));
}

TEST_CASE("A trace file without content has times, usage and errors") {
  const test::Folder folder;
  const auto file = std::make_shared<JsonlTrace>(folder.path / "run.jsonl", TraceFileOptions{.has_content = false});
  const auto program = with_context(asking({"Answer: Paris"}), {.trace = file});

  program({{"question", "What is the capital of France?"}});
  CHECK_THROWS_AS(program({{"question", "And of Italy?"}}), Error);

  const auto text = folder.read("run.jsonl");
  CHECK_FALSE(text.contains("France"));
  CHECK_FALSE(text.contains("Paris"));
  CHECK(text.contains("prompt_tokens"));
  CHECK(text.contains("the script has no reply left"));
}

TEST_CASE("A writer that is killed cuts no line but the one it is writing") {
  const test::Folder folder;
  std::size_t kills = 0;
  test::kill_at_random_moments(
      10,
      [&folder, file = std::shared_ptr<JsonlTrace>()]() mutable {
        if (!file) file = std::make_shared<JsonlTrace>(folder.path / "run.jsonl");
        file->end({.kind = Span::Kind::call, .id = 5, .path = std::string(3'000, 'p')});
      },
      [&] {
        ++kills;
        std::size_t cut = 0;
        std::istringstream lines(folder.read("run.jsonl"));
        for (std::string line; std::getline(lines, line);) {
          const auto json = parse_json(line);
          cut += json && json->is_object() && json->get_object().contains("seconds") ? 0 : 1;
        }
        CHECK(cut <= kills);
      });
  CHECK_THROWS_AS(JsonlTrace(folder.path / "no" / "such" / "folder"), Error);
}

TEST_CASE("A callback that throws does not break the call") {
  int ended = 0;
  const auto throwing = std::make_shared<CallbackTrace>(
      [&](const Span&) {
        ++ended;
        throw std::runtime_error("oops");
      },
      [](const Span&) { throw 5; });
  const auto program = with_context(asking({"Answer: Paris"}), {.trace = throwing});

  CHECK(program({{"question", "What is the capital of France?"}}).at("answer") == "Paris");
  CHECK(ended == 2);
}

TEST_CASE("The history shows what was really sent and received, if it is kept") {
  CHECK_THROWS_AS(inspect_history(), Error);
  keep_history(2);
  const auto program = asking({"Answer: one", "Answer: two", "Answer: three"});
  for (const std::string question : {"first", "second", "third"}) program({{"question", question}});

  const auto last = inspect_history(1), all = inspect_history(10);

  CHECK(last.contains("User message:"));
  CHECK(last.contains("Question: third"));
  CHECK(last.contains("Response:\n\nAnswer: three"));
  CHECK_FALSE(last.contains("second"));
  CHECK(all.contains("second"));
  CHECK_FALSE(all.contains("first"));
  keep_history(0);
  CHECK_THROWS_AS(inspect_history(), Error);
}

TEST_CASE("The process's trace is told of all calls, beside a program's own") {
  const auto everywhere = std::make_shared<TraceLog>(), own = std::make_shared<TraceLog>();
  set_process_trace(everywhere);
  const auto program = asking({"Answer: one", "Answer: two"});

  program({{"question", "first"}});
  with_context(program, {.trace = own})({{"question", "second"}});
  set_process_trace(nullptr);

  CHECK(everywhere->spans().size() == 4);
  CHECK(own->spans().size() == 2);
}

TEST_CASE("The redactor takes out what looks like a key, and what it was told") {
  Redactor redactor;
  redactor.add(Secret("a very secret phrase"));
  redactor.add(Secret("short"));
  struct Case {
    std::string_view text, wanted;
  };
  for (const auto& [text, wanted] : std::initializer_list<Case>{
           {"sk-ant-api03-abcdefghijklmnop", "[redacted]"},
           {"key AIzaSyA1234567890123456789012345678901 end", "key [redacted] end"},
           {"Authorization: Bearer abc.def-ghi\nAccept: */*", "Authorization: [redacted]\nAccept: */*"},
           {"sent Bearer abcdefgh12345 to it", "sent Bearer [redacted] to it"},
           {"x-api-key: 12345", "x-api-key: [redacted]"},
           {R"({"api_key": "12345", "a": 1})", R"({"api_key": "[redacted]", "a": 1})"},
           {"https://host/v1?key=abc&alt=sse", "https://host/v1?key=[redacted]&alt=sse"},
           {"https://user:pass@host/", "https://[redacted]@host/"},
           {"with a very secret phrase in it", "with [redacted] in it"},
           {"a short text about sk-ills, cookies and a task-force",
            "a short text about sk-ills, cookies and a task-force"},
           {"the password is not told", "the password is not told"},
           {"https://host/path?monkey=1", "https://host/path?monkey=1"},
       }) {
    CHECK(redactor.redacted(text) == wanted);
  }
  Json value =
      JsonObject{{"api_key", "12345"}, {"list", JsonArray{"sk-abcdefghijklmnopqrst", 5}}, {"password", nullptr}};
  redactor.redact(value);
  CHECK(to_text(value) == R"({"api_key":"[redacted]","list":["[redacted]",5],"password":null})");
}
