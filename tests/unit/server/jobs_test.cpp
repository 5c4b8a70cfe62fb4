#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/signature.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// Holds its answers back until it is let go.
class HeldLM final : public LM {
 public:
  std::string_view model() const noexcept override { return "held"; }
  Async<Reply> complete(Request request) override { return answer(state_, std::move(request)); }

  void let_go() { state_->is_free = true; }
  int asked() const { return state_->asked; }

 private:
  struct State {
    std::atomic<bool> is_free = false;
    std::atomic<int> asked = 0;
  };
  static Async<Reply> answer(std::shared_ptr<State> state, Request request) {
    ++state->asked;
    while (!state->is_free) co_await dspy::sleep(5ms, request.stop);
    Completion completion;
    completion.text = "Answer: 4";
    co_return Reply(std::move(completion));
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

std::shared_ptr<Catalog> catalog_with(std::shared_ptr<LM> lm) {
  auto catalog = std::make_shared<Catalog>();
  const auto signature = Signature::parse("question -> answer");
  catalog->put(ServedProgram{.name = "qa",
                             .version = "v1",
                             .source = "test",
                             .program = Program(Predictor(signature, {.lm = std::move(lm)})),
                             .signature = signature,
                             .loaded_at = {}});
  return catalog;
}

bool comes_to(const JobRunner& runner, const std::string& id, JobState state) {
  for (int i = 0; i < 1000; ++i) {
    if (runner.find({}, id).state == state) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

JsonObject question() {
  return {{"question", "2+2?"}};
}

}  // namespace

TEST_CASE("a job is run, and its answer kept") {
  const test::Folder folder;
  auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: 4"});
  auto store = std::make_shared<JobStore>(folder.path / "jobs.db");
  JobRunner runner(catalog_with(lm), store);
  const auto job = runner.submit({}, "qa", question(), {});
  CHECK(job.state == JobState::queued);
  CHECK(comes_to(runner, job.id, JobState::done));
  const auto shown = to_json(runner.find({}, job.id));
  CHECK(shown.at("outputs") == JsonObject{{"answer", "4"}});
  CHECK(shown.at("answer").at("version") == "v1");
  CHECK(shown.at("attempts") == 1);
  CHECK(runner.list({}, std::nullopt, 10).size() == 1);
  CHECK(runner.list({}, JobState::failed, 10).empty());
  CHECK_THROWS_AS(runner.cancel({}, job.id), HttpError);
  CHECK_THROWS_AS(runner.submit({}, "nothing", question(), {}), HttpError);
  CHECK_THROWS_AS(runner.submit({}, "qa", {}, {}), Error);
}

TEST_CASE("a job that fails says why, and one tenant's is nobody else's") {
  const test::Folder folder;
  auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{});
  JobRunner runner(catalog_with(lm), std::make_shared<JobStore>(folder.path / "jobs.db"));
  const Caller ours{.key = "k", .tenant = "us"};
  const auto job = runner.submit(ours, "qa", question(), {});
  for (int i = 0; i < 1000 && !is_over(runner.find(ours, job.id).state); ++i) std::this_thread::sleep_for(5ms);
  const auto ended = runner.find(ours, job.id);
  CHECK(ended.state == JobState::failed);
  CHECK(ended.error.at("type") == "inference_failed");
  CHECK_THROWS_AS(runner.find({}, job.id), HttpError);
  CHECK_THROWS_AS(runner.find({.tenant = "them"}, job.id), HttpError);
  CHECK(runner.list({.tenant = "them"}, std::nullopt, 10).empty());
}

TEST_CASE("only so many run at once, and those that wait can be cancelled, as can those that run") {
  const test::Folder folder;
  auto lm = std::make_shared<HeldLM>();
  JobRunner runner(catalog_with(lm), std::make_shared<JobStore>(folder.path / "jobs.db"), {.max_running = 1});
  const auto first = runner.submit({}, "qa", question(), {});
  const auto second = runner.submit({}, "qa", question(), {});
  const auto third = runner.submit({}, "qa", question(), {});
  CHECK(comes_to(runner, first.id, JobState::running));
  CHECK(runner.counts().queued == 2);
  CHECK(runner.cancel({}, second.id).state == JobState::cancelled);
  runner.cancel({}, first.id);
  CHECK(comes_to(runner, first.id, JobState::cancelled));
  CHECK(comes_to(runner, third.id, JobState::running));
  lm->let_go();
  CHECK(comes_to(runner, third.id, JobState::done));
  CHECK(runner.find({}, second.id).attempts == 0);
}

TEST_CASE("what a process leaves unfinished, the next one takes up") {
  const test::Folder folder;
  std::string running, queued;
  {
    auto lm = std::make_shared<HeldLM>();
    JobRunner runner(catalog_with(lm), std::make_shared<JobStore>(folder.path / "jobs.db"), {.max_running = 1});
    running = runner.submit({}, "qa", question(), {}).id;
    queued = runner.submit({}, "qa", question(), {}).id;
    CHECK(comes_to(runner, running, JobState::running));
  }
  auto lm = std::make_shared<HeldLM>();
  lm->let_go();
  JobRunner runner(catalog_with(lm), std::make_shared<JobStore>(folder.path / "jobs.db"));
  CHECK(runner.resume() == 2);
  CHECK(comes_to(runner, running, JobState::done));
  CHECK(comes_to(runner, queued, JobState::done));
}

TEST_CASE("a job during which the process ended too often is not begun again") {
  const test::Folder folder;
  auto store = std::make_shared<JobStore>(folder.path / "jobs.db");
  Job job{.id = "poison", .program = "qa", .inputs = question()};
  store->add(job);
  job.state = JobState::running;
  job.attempts = 3;
  CHECK(store->update(job, {JobState::queued}));
  auto lm = std::make_shared<ScriptedLM>(std::deque<std::string>{"Answer: 4"});
  JobRunner runner(catalog_with(lm), store);
  CHECK(runner.resume() == 1);
  CHECK(comes_to(runner, "poison", JobState::failed));
  CHECK(lm->requests().empty());
}

TEST_CASE("an agent's job waits for consent, and goes on from there in another process") {
  const test::Folder folder;
  std::atomic<int> paid = 0;
  const auto signature = Signature::parse("request -> total: float");
  const auto agent_with = [&](std::vector<std::string> replies) {
    Tools tools{FunctionTool("pay", "Pays.",
                             [&paid]() -> std::string {
                               ++paid;
                               return "paid";
                             },
                             {.needs_approval = true})};
    return std::make_shared<const ReActAgent>(
        signature, std::move(tools),
        ReActOptions{.protocol = ReActOptions::Protocol::text,
                     .predictor = {
                         .lm = std::make_shared<ScriptedLM>(std::deque<std::string>(replies.begin(), replies.end()))}});
  };
  const auto serve = [&](const std::shared_ptr<const ReActAgent>& agent) {
    auto catalog = std::make_shared<Catalog>();
    catalog->put(ServedProgram{.name = "travel",
                               .version = "v1",
                               .source = "test",
                               .program = Program(ReActAgent(*agent)),
                               .signature = signature,
                               .loaded_at = {}});
    return catalog;
  };
  std::string id;
  {
    const auto agent = agent_with({"Next thought: pay\nNext tool name: pay\nNext tool args: {}"});
    JobRunner runner(serve(agent), std::make_shared<JobStore>(folder.path / "jobs.db"),
                     {.agent = [agent](std::string_view) { return agent; }});
    id = runner.submit({}, "travel", {{"request", "Pay it."}}, {}).id;
    CHECK(comes_to(runner, id, JobState::waiting));
    CHECK(paid == 0);
  }
  const auto agent = agent_with(
      {"Next thought: done\nNext tool name: finish\nNext tool args: {}", "Reasoning: it was paid\nTotal: 4.5"});
  JobRunner runner(serve(agent), std::make_shared<JobStore>(folder.path / "jobs.db"),
                   {.agent = [agent](std::string_view) { return agent; }});
  CHECK(runner.resume() == 0);
  const auto waits = runner.find({}, id);
  REQUIRE(waits.waiting.size() == 1);
  CHECK(waits.waiting.at(0).at("tool") == "pay");
  const std::string call(view(waits.waiting.at(0).at("call").as_string()));
  CHECK_THROWS_AS(runner.approve({}, id, "other", true, ""), HttpError);
  runner.approve({}, id, call, true, "");
  CHECK(comes_to(runner, id, JobState::done));
  CHECK(paid == 1);
  CHECK(to_json(runner.find({}, id)).at("outputs").at("total") == 4.5);
  CHECK_THROWS_AS(runner.approve({}, id, call, true, ""), HttpError);
}

TEST_CASE("jobs over HTTP") {
  const test::Folder folder;
  auto lm = std::make_shared<HeldLM>();
  auto runner = std::make_shared<JobRunner>(catalog_with(lm), std::make_shared<JobStore>(folder.path / "jobs.db"));
  Routes routes;
  routes.add(job_routes(runner));
  const auto ask = [&](std::string method, std::string path, std::string body = {}) {
    return wait(routes.answer({.method = std::move(method), .path = std::move(path), .body = std::move(body)}));
  };
  const auto started = ask("POST", "/v1/jobs", R"({"program":"qa","inputs":{"question":"2+2?"}})");
  CHECK(started.status == 202);
  const auto id = std::string(view(parse_json(started.body).value().at("id").as_string()));
  CHECK(started.headers.find("Location") == "/v1/jobs/" + id);
  const auto events = ask("GET", "/v1/jobs/" + id + "/events");
  struct Writer final : BodyWriter {
    Async<void> write(std::string bytes) override {
      text += bytes;
      if (lm) lm->let_go();
      co_return;
    }
    std::string text;
    HeldLM* lm = nullptr;
  } writer;
  writer.lm = lm.get();
  wait(events.stream(writer));
  CHECK(writer.text.starts_with("event: state\n"));
  CHECK(writer.text.contains("event: field\ndata: {\"field\":\"answer\""));
  CHECK(writer.text.contains("\"state\":\"done\""));
  CHECK(parse_json(ask("GET", "/v1/jobs").body).value().at("jobs").as_array().size() == 1);
  CHECK(ask("GET", "/v1/jobs/none").status == 404);
  CHECK(ask("POST", "/v1/jobs/" + id + ":cancel").status == 409);
  CHECK(ask("POST", "/v1/jobs/" + id + ":approve", R"({"call":"c","decision":"perhaps"})").status == 400);
  CHECK(parse_json(ask("GET", "/v1/jobs/" + id).body).value().at("outputs") == JsonObject{{"answer", "4"}});
}
