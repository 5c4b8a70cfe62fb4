#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/signature/signature.hpp"
#include "support/folder.hpp"
#include "support/turn_lm.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

bool all_are(const JobRunner& runner, const std::vector<std::string>& ids, JobState state) {
  for (const auto& id : ids) {
    for (int i = 0; runner.find({}, id).state != state; ++i) {
      if (i == 6000) return false;
      std::this_thread::sleep_for(5ms);
    }
  }
  return true;
}

}  // namespace

TEST_CASE("A thousand runs wait for consent over a restart, and each is paid once or not at all, as was decided") {
  constexpr int runs = 1000;
  const test::Folder folder;
  std::atomic<int> paid = 0;
  const auto signature = Signature::parse("request -> total: float");
  const auto lm = std::make_shared<test::TurnLM>("pay", "{}", 1, "Reasoning: it was decided\nTotal: 4.5");
  const auto agent = std::make_shared<const ReActAgent>(
      signature,
      Tools{FunctionTool("pay", "Pays.", [&paid] { return ++paid > 0 ? "paid" : ""; }, {.needs_approval = true})},
      ReActOptions{.protocol = ReActOptions::Protocol::text, .predictor = {.lm = lm}});
  const auto catalog = std::make_shared<Catalog>();
  catalog->put(
      {.name = "travel", .version = "v1", .source = "test", .program = Program(*agent), .signature = signature});
  const auto runner_of = [&] {
    return std::make_unique<JobRunner>(catalog, std::make_shared<JobStore>(folder.path / "jobs.sqlite"),
                                       JobOptions{.agent = [&](std::string_view) { return agent; }});
  };

  std::vector<std::string> ids;
  auto runner = runner_of();
  for (int i = 0; i < runs; ++i)
    ids.push_back(runner->submit({}, "travel", {{"request", std::format("Pay {}.", i)}}, {}).id);
  REQUIRE(all_are(*runner, ids, JobState::waiting));
  CHECK(paid == 0);

  runner.reset();
  runner = runner_of();
  CHECK(runner->resume() == 0);  // those that wait for a person wait on
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto job = runner->find({}, ids[i]);
    REQUIRE(job.waiting.size() == 1);
    runner->approve({}, ids[i], std::string(view(job.waiting[0].at("call").as_string())), i % 2 == 0, "");
  }
  REQUIRE(all_are(*runner, ids, JobState::done));
  CHECK(paid == runs / 2);
}
