#include "evaluate/checkpoint.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "support/child.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

std::vector<Example> questions(int count) {
  std::vector<Example> out;
  for (int i = 0; i < count; ++i)
    out.push_back(Example({{"question", "q" + std::to_string(i)}, {"answer", "a" + std::to_string(i)}}, {"question"}));
  return out;
}

/// Right for even questions; counts what it is asked.
struct Asked {
  std::shared_ptr<std::atomic<int>> count = std::make_shared<std::atomic<int>>(0);
  std::chrono::microseconds pause{0};

  Program program() const {
    auto lm = std::make_shared<ScriptedLM>(
        [count = count, pause = pause](const Request& request) -> std::string {
          ++*count;
          std::this_thread::sleep_for(pause);
          const auto text = request.messages.back().text();
          const int k = std::stoi(text.substr(text.find("Question: q") + 11));
          return "Answer: " + (k % 2 == 0 ? "a" + std::to_string(k) : "no");
        },
        "right for even questions");
    lm->remember(false);
    return Predict("question -> answer", {.lm = lm});
  }
};

EvaluateOptions into(const std::filesystem::path& file) {
  return {.metric = metrics::exact_match(), .concurrency = 4, .checkpoint = file};
}

}  // namespace

TEST_CASE("An evaluation goes on from its checkpoint, and asks for no finished row again") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  auto first = into(file);
  first.context.budget = std::make_shared<Budget>(Budget::Limits{.requests = 5});
  first.concurrency = 1;
  const Asked before, after;
  CHECK(Evaluate(first)(before.program(), questions(12)).done == 5);

  const auto result = Evaluate(into(file))(after.program(), questions(12));

  CHECK(*before.count == 5);
  CHECK(*after.count == 7);
  CHECK(result.score == 50);
  CHECK(result.is_complete());
  CHECK(result.usage.requests == 7);
  CHECK(result.rows[0].was_resumed);
  CHECK(result.rows[0].prediction.at("answer") == "a0");
  CHECK(result.rows[0].usage.requests == 1);
  CHECK(Evaluate(into(file))(after.program(), questions(12)).score == 50);
  CHECK(*after.count == 7);
}

TEST_CASE("Killed at random moments and resumed, an evaluation ends with the same result") {
  const auto whole = Evaluate({.metric = metrics::exact_match()})(Asked().program(), questions(200));
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  std::size_t rows = 0;
  test::kill_at_random_moments(
      25,
      [&] {
        const Asked asked{.pause = std::chrono::microseconds(200)};
        Evaluate(into(file))(asked.program(), questions(200));
      },
      [&] {
        const auto text = std::filesystem::exists(file) ? folder.read("run.jsonl") : std::string();
        const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
        CHECK(lines >= rows);
        rows = lines;
      });
  const Asked rest;
  const auto result = Evaluate(into(file))(rest.program(), questions(200));
  CHECK(result.score == whole.score);
  CHECK(static_cast<std::size_t>(*rest.count) == 201 - std::max<std::size_t>(rows, 1));
  for (std::size_t i = 0; i < 200; ++i) {
    CHECK(result.rows[i].score == whole.rows[i].score);
    CHECK(result.rows[i].prediction.data == whole.rows[i].prediction.data);
  }
}

TEST_CASE("A damaged checkpoint is kept aside, and its good rows go on") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  Evaluate(into(file))(Asked().program(), questions(6));
  auto text = folder.read("run.jsonl");
  const auto second = text.find('\n', text.find('\n') + 1);
  text.replace(second + 1, 8, "########");
  folder.write("run.jsonl", text.substr(0, text.size() - 20));

  const Asked asked;
  const auto result = Evaluate(into(file))(asked.program(), questions(6));

  CHECK(*asked.count == 2);
  CHECK(result.score == 50);
  CHECK(std::filesystem::exists(folder.path / "run.jsonl.damaged-1"));
}

TEST_CASE("A checkpoint belongs to one evaluation at a time") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  const Checkpoint first(file, {{"dspy_evaluation", 1}}, CheckpointSync::never, Clock::real());
  CHECK_THROWS_WITH_AS(Checkpoint(file, {{"dspy_evaluation", 1}}, CheckpointSync::never, Clock::real()),
                       doctest::Contains("is in use by another evaluation"), Error);
}

TEST_CASE("A checkpoint of another evaluation is refused") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  Evaluate(into(file))(Asked().program(), questions(3));
  CHECK_THROWS_WITH_AS(Evaluate(into(file))(Asked().program(), questions(4)), doctest::Contains("`examples`"), Error);
  auto other = into(file);
  other.metric = metrics::f1();
  const Evaluate by_another(other);
  CHECK_THROWS_WITH_AS(by_another(Asked().program(), questions(3)), doctest::Contains("different: `metric`"), Error);
  const Program changed = Predict("question -> answer: int");
  CHECK_THROWS_WITH_AS(Evaluate(into(file))(changed, questions(3)), doctest::Contains("different: `program`"), Error);
  const auto foreign = folder.write("notes.jsonl", "{\"a\": 1}\n");
  CHECK_THROWS_WITH_AS(Evaluate(into(foreign))(changed, questions(3)), doctest::Contains("is not a checkpoint"), Error);
  CHECK(folder.read("notes.jsonl") == "{\"a\": 1}\n");
}

TEST_CASE("A full disk ends the evaluation, whose results are kept") {
  const test::Folder folder;
  const auto file = folder.path / "run.jsonl";
  struct ::rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct ::rlimit small = before;
  small.rlim_cur = 1500;
  auto* const old = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);

  auto options = into(file);
  options.concurrency = 1;
  const auto result = Evaluate(options)(Asked().program(), questions(40));

  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old);
  CHECK(result.stopped->code() == Errc::io_error);
  CHECK(std::string(result.stopped->what()).contains("cannot write the checkpoint"));
  CHECK(result.done > 2);
  CHECK(result.done < 40);
  CHECK(result.rows[0].prediction.at("answer") == "a0");
  const Asked rest;
  CHECK(Evaluate(into(file))(rest.program(), questions(40)).is_complete());
  CHECK(*rest.count == static_cast<int>(41 - result.done));
}

TEST_CASE("A checkpoint must be a regular file in a folder that is there") {
  const test::Folder folder;
  CHECK_THROWS_AS(Evaluate(into("/dev/full"))(Asked().program(), questions(3)), Error);
  CHECK_THROWS_AS(Evaluate(into(folder.path / "none" / "run.jsonl"))(Asked().program(), questions(3)), Error);
}
