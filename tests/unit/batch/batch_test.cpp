#include "dspy/bulk/batch/batch.hpp"

#include "bulk/batch/batch_api.hpp"
#include "dspy/base/error.hpp"
#include "dspy/bulk/merge.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/modules/predictor.hpp"
#include "mock_provider/mock_provider.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;

namespace {

/// A program over the mock provider, which answers as asked by the instructions' wishes.
struct Asking {
  mock::MockProvider provider;
  Signature signature = Signature::parse("question -> answer");
  std::string model;
  test::Folder folder;
  BulkJob job;

  Asking(const std::string& dialect, const std::string& base, const std::string& reply)
      : provider({.wishes = {{"reply", reply}}}),
        model(std::format("{}?base_url={}&api_key_env=DSPY_TEST_BATCH_KEY", dialect, provider.url(base))) {
    ::setenv("DSPY_TEST_BATCH_KEY", "key-of-the-test-0123456789", 1);
    std::string rows;
    for (int i = 0; i < 5; ++i) rows += std::format("{{\"question\": \"number {}\"}}\n", i);
    job = {.signature = signature,
           .version = program_version(make(nullptr)),
           .inputs = folder.write("in.jsonl", rows),
           .out = folder.path / "out"};
  }

  Program make(std::shared_ptr<http::Transport> transport) const {
    return Predictor(signature, {.lm = provider_lm(model, {}, std::move(transport)), .policy = {.ask_again = 0}});
  }
  BatchRun run(ProviderBatchOptions options = {}) const {
    return {[this](std::shared_ptr<http::Transport> transport) { return make(std::move(transport)); }, job,
            std::move(options)};
  }
  std::size_t chats() const {
    std::size_t out = 0;
    for (const auto& request : provider.requests()) {
      const auto& path = request.path;
      if (path.ends_with("/chat/completions") || path.ends_with("/v1/messages") || path.ends_with(":generateContent"))
        ++out;
    }
    return out;
  }
};

}  // namespace

TEST_CASE("Rows are answered by the batch API of each provider") {
  struct Case {
    const char* model;
    const char* base;
  };
  for (const auto& [model, base] : {Case{"openai/gpt-4.1-mini", "/v1"}, Case{"anthropic/claude-sonnet-4-5", ""},
                                    Case{"gemini/gemini-2.5-flash", ""}}) {
    CAPTURE(model);
    const Asking asking(model, base, "Answer: as you say");
    auto report = asking.run({.max_requests = 3}).submit();
    REQUIRE(report.batches.size() == 2);
    CHECK(report.waiting == 5);
    CHECK(report.rows.again == 5);
    CHECK_FALSE(report.rows.is_complete);

    // Each call is a process of its own: nothing is kept but the folder, and nothing is sent twice.
    report = asking.run({.max_requests = 3}).submit();
    CHECK(report.batches.size() == 2);
    report = asking.run().status();
    CHECK(report.waiting == 5);
    report = asking.run().collect();
    CHECK(report.rows.is_complete);
    CHECK(report.waiting == 0);
    CHECK(report.unsent == 0);
    merge_bulk(asking.job.out, asking.folder.path / "all.jsonl", {.with_inputs = true});
    const auto text = asking.folder.read("all.jsonl");
    for (int i = 0; i < 5; ++i)
      CHECK(text.find(std::format(R"("inputs":{{"question": "number {}"}},"key":")", i)) != std::string::npos);
    CHECK(text.find(R"("outputs":{"answer":"as you say"})") != std::string::npos);
    CHECK(text.find(R"("error")") == std::string::npos);
    CHECK(asking.chats() == 0);  // each came in a batch
  }
}

TEST_CASE("A reply that cannot be read is an error of its row, as if it had come alone") {
  const Asking asking("openai/gpt-4.1-mini", "/v1", "");
  asking.run().submit();
  asking.run().status();
  const auto report = asking.run().collect();
  CHECK(report.rows.is_complete);
  CHECK(report.rows.failed == 5);
}

TEST_CASE("A batch of which nobody knows whether it was made is not made again by itself") {
  const Asking asking("openai/gpt-4.1-mini", "/v1", "Answer: x");
  asking.run().submit();
  const auto file = asking.job.out / "batch" / "batches.json";
  auto text = asking.folder.read("out/batch/batches.json");
  const auto at = text.find("\"submitted\"");
  REQUIRE(at != std::string::npos);
  text.replace(at, 11, "\"submitting\"");
  asking.folder.write("out/batch/batches.json", text);
  CHECK_THROWS_WITH_AS(asking.run().submit(), doctest::Contains("--submit-again"), Error);
  const auto report = asking.run({.submits_again = true}).submit();
  CHECK(report.batches.size() == 2);
  CHECK(report.batches[0].state == "forgotten");
  CHECK(report.waiting == 5);
}

TEST_CASE("A batch that the provider no longer knows is told, and given up on demand") {
  Asking asking("openai/gpt-4.1-mini", "/v1", "Answer: x");
  asking.run().submit();
  asking.provider.next({{"status", "404"}});
  auto report = asking.run().status();
  REQUIRE(report.batches.size() == 1);
  CHECK(report.batches[0].said.contains("--submit-again"));
  asking.provider.next({{"status", "404"}});
  report = asking.run({.submits_again = true}).submit();
  REQUIRE(report.batches.size() == 2);
  CHECK(report.batches[0].state == "forgotten");
  CHECK(report.batches[1].state == "submitted");
}

TEST_CASE("A batch that a provider refuses was not made") {
  Asking asking("openai/gpt-4.1-mini", "/v1", "Answer: x");
  asking.provider.next({{"status", "400"}});
  CHECK_THROWS_AS(asking.run().submit(), Error);
  const auto report = asking.run().submit();
  CHECK(report.batches.size() == 1);
  CHECK(report.waiting == 5);
}

TEST_CASE("Answers of batches are read as providers write them") {
  using namespace bulk;
  const auto openai = openai_batches.read(
      "{\"custom_id\":\"a\",\"response\":{\"status_code\":200,\"body\":{\"x\":1}},\"error\":null}\n"
      "{\"custom_id\":\"b\",\"response\":null,\"error\":{\"code\":\"batch_expired\"}}\n"
      "{\"custom_id\":\"c\",\"response\":{\"status_code\":400,\"body\":{\"error\":{}}},\"error\":null}\n");
  REQUIRE(openai.size() == 2);
  CHECK(openai[0].body == R"({"x":1})");
  CHECK(openai[1].status == 400);
  const auto anthropic = anthropic_batches.read(
      "{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"m\"}}}\n"
      "{\"custom_id\":\"b\",\"result\":{\"type\":\"expired\"}}\n"
      "{\"custom_id\":\"c\",\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\",\"error\":{\"type\":"
      "\"overloaded_error\"}}}}\n");
  REQUIRE(anthropic.size() == 2);
  CHECK(anthropic[0].status == 200);
  CHECK(anthropic[1].status == 529);
  CHECK_THROWS_AS(batch_api_of("http://localhost:11434/api/chat"), Error);
}
