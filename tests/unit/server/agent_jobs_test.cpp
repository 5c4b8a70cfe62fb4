#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/direct_agent.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// Counts ten tokens for each reply.
class CountingLM final : public LM {
 public:
  explicit CountingLM(std::vector<std::string> replies) : replies_(std::move(replies)) {}
  std::string_view model() const noexcept override { return "counting"; }
  Async<Reply> complete(Request) override { return answer(replies_.at(std::min(next_++, replies_.size() - 1))); }

 private:
  static Async<Reply> answer(std::string text) {
    Completion completion;
    completion.text = std::move(text);
    Usage usage{.requests = 1};
    usage.prompt_tokens = 7;
    usage.completion_tokens = 3;
    co_return Reply(std::move(completion), usage);
  }
  std::vector<std::string> replies_;
  std::size_t next_ = 0;
};

/// A server with an agent that may pay only with consent.
struct Served {
  test::Folder folder;
  int paid = 0;
  Signature signature = Signature::parse("request -> total: float");
  std::shared_ptr<const ReActAgent> agent;
  std::shared_ptr<Catalog> catalog = std::make_shared<Catalog>();
  std::shared_ptr<TraceStore> traces = std::make_shared<TraceStore>(folder.path / "traces.sqlite");
  std::shared_ptr<JobRunner> jobs;
  Routes routes;

  Served() {
    Tools tools{FunctionTool("pay", "Pays.",
                             [this]() -> std::string {
                               ++paid;
                               return "paid";
                             },
                             {.needs_approval = true})};
    const auto lm = std::make_shared<CountingLM>(std::vector<std::string>{
        "Next thought: pay\nNext tool name: pay\nNext tool args: {}",
        "Next thought: done\nNext tool name: finish\nNext tool args: {}", "Reasoning: it was paid\nTotal: 4.5"});
    agent = std::make_shared<const ReActAgent>(
        signature, std::move(tools), ReActOptions{.protocol = ReActOptions::Protocol::text, .predictor = {.lm = lm}});
    catalog->put(ServedProgram{.name = "travel",
                               .version = "v1",
                               .source = "test",
                               .program = Program(DirectAgent(*agent)),
                               .signature = signature});
    const Workspace workspace(folder.path);
    ProgramsOptions programs;
    programs.trace = [held = traces](const CallOrigin& origin) {
      return held->sink(
          {.id = origin.id, .tenant = origin.tenant, .program = origin.program, .version = origin.version});
    };
    jobs = std::make_shared<JobRunner>(catalog, std::make_shared<JobStore>(folder.path / "jobs.sqlite"),
                                       JobOptions{.programs = programs,
                                                  .agent = [this](std::string_view) { return agent; },
                                                  .journal =
                                                      [workspace](const Job& job) {
                                                        auto path = workspace.path("", "agents", job.id, ".jsonl");
                                                        std::filesystem::create_directories(path.parent_path());
                                                        return path;
                                                      }});
    ResourceServices services{.workspace = workspace};
    services.jobs = {
        .list = [this](Caller caller) { return all(*jobs, std::move(caller)); },
        .get = [this](Caller caller, std::string id) { return one(*jobs, std::move(caller), std::move(id)); }};
    routes.add(standard_resources(services).routes());
    routes.add(program_routes(catalog, programs));
    routes.add(job_routes(jobs));
  }

  static Async<std::vector<JsonObject>> all(const JobRunner& runner, Caller caller) {
    std::vector<JsonObject> out;
    for (const auto& job : runner.list(caller, {}, 100)) out.push_back(to_json(job));
    co_return out;
  }
  static Async<std::optional<JsonObject>> one(const JobRunner& runner, Caller caller, std::string id) {
    co_return to_json(runner.find(caller, id));
  }

  /// The call that a job waits with.
  std::pair<std::string, std::string> waiting_job() {
    const auto id = jobs->submit({}, "travel", {{"request", "Pay it."}}, {}).id;
    REQUIRE(comes_to(id, JobState::waiting));
    return {id, std::string(view(jobs->find({}, id).waiting.at(0).at("call").as_string()))};
  }

  bool comes_to(const std::string& id, JobState state) const {
    for (int i = 0; i < 1000; ++i) {
      if (jobs->find({}, id).state == state) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  JsonObject get(std::string path) {
    const auto response = wait(routes.answer({.path = std::move(path)}));
    REQUIRE_MESSAGE(response.status == 200, response.body);
    return parse_json(response.body).value().as_object();
  }

  std::vector<AgentEvent> journal(const std::string& id) const {
    return read_journal(folder.path / "agents" / (id + ".jsonl")).events;
  }
};

}  // namespace

TEST_CASE("an agent that needs consent says to a client that waits how to start it") {
  Served served;
  const auto response = wait(served.routes.answer(
      {.method = "POST", .path = "/v1/programs/travel", .body = R"({"inputs":{"request":"Pay it."}})"}));
  CHECK(response.status == 409);
  CHECK(response.body.contains("`pay` needs a person's consent"));
  CHECK(response.body.contains("POST /v1/jobs"));
  CHECK(served.paid == 0);
}

TEST_CASE("a job that is cancelled while it waits says so everywhere") {
  Served served;
  const auto [id, call] = served.waiting_job();
  CHECK(served.get("/api/agents/" + id).at("state") == "waiting");
  CHECK(served.jobs->cancel({}, id).waiting.empty());
  const auto run = served.get("/api/agents/" + id);
  CHECK(run.at("state") == "cancelled");
  CHECK(run.at("waiting").as_array().empty());
  CHECK(served.get("/api/agents").at("items").at(0).at("state") == "cancelled");
  const auto last = served.journal(id).back();
  CHECK(last.kind == AgentEvent::Kind::decided);
  CHECK(last.call == call);
  CHECK(last.decision.kind == Verdict::Kind::deny);
  CHECK(served.paid == 0);
}

TEST_CASE("what a person notes beside consent is in the journal, and each run's tokens are in its own trace") {
  Served served;
  const auto [id, call] = served.waiting_job();
  served.jobs->approve({}, id, call, true, "the boss said so");
  REQUIRE(served.comes_to(id, JobState::done));
  CHECK(served.paid == 1);
  bool is_noted = false;
  for (const auto& event : served.journal(id))
    is_noted = is_noted || (event.kind == AgentEvent::Kind::decided && event.decision.words == "the boss said so");
  CHECK(is_noted);
  REQUIRE(served.traces->flush(5s));
  const auto traces = served.traces->list({}).items;
  REQUIRE(traces.size() == 2);
  CHECK(traces[1].at("tokens") == 10);
  CHECK(traces[0].at("tokens") == 20);
  CHECK(to_json(served.jobs->find({}, id)).at("answer").at("usage").at("prompt_tokens") == 21);
}

TEST_CASE("what looks like a key is not kept once a job is over") {
  const test::Folder folder;
  const auto store = std::make_shared<JobStore>(folder.path / "jobs.sqlite");
  const std::string secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789";
  Job job{.id = "one", .unit = "u", .program = "qa", .inputs = {{"question", "my key is " + secret}}};
  store->add(job);
  CHECK(to_text(store->find("one")->inputs).contains(secret));
  job.state = JobState::done;
  job.answer = {{"outputs", JsonObject{{"answer", "it is " + secret}}}};
  REQUIRE(store->update(job, {JobState::queued}));
  const auto kept = store->find("one").value();
  CHECK(!to_text(kept.inputs).contains(secret));
  CHECK(!to_text(kept.answer).contains(secret));
  CHECK(kept.unit == "u");
}
