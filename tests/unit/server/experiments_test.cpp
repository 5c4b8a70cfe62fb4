#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/experiments/live_experiments.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/programs/programs_socket.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// Says who it is.
class NamedLM final : public LM {
 public:
  explicit NamedLM(std::string name) : name_(std::move(name)) {}
  std::string_view model() const noexcept override { return name_; }
  Async<Reply> complete(Request) override { return answer(name_); }

 private:
  static Async<Reply> answer(std::string name) {
    Completion completion;
    completion.text = "Answer: " + name;
    co_return Reply(std::move(completion));
  }
  std::string name_;
};

ServedProgram version(const std::string& name, const std::string& number, const std::string& notation) {
  const auto signature = Signature::parse(notation);
  return {.name = name,
          .version = number,
          .source = "test",
          .program = Program(Predictor(signature, {.lm = std::make_shared<NamedLM>(number)})),
          .signature = signature};
}

/// A server's parts with an experiment `e` on `qa` of the versions 1 and 2.
struct Served {
  test::Folder folder;
  std::shared_ptr<Catalog> catalog = std::make_shared<Catalog>();
  std::shared_ptr<ExperimentLog> log = std::make_shared<ExperimentLog>(folder.path / "experiments.sqlite");
  std::shared_ptr<TraceStore> traces = std::make_shared<TraceStore>(folder.path / "traces.sqlite");
  ProgramsOptions options;
  std::shared_ptr<LiveExperiments> live;
  std::shared_ptr<JobRunner> jobs;
  Routes routes;

  Served() {
    catalog->put(version("qa", "qa:1", "question -> answer"));
    options.on_exposure = [held = log](Exposure exposure) { held->expose(std::move(exposure)); };
    options.trace = [held = traces](const CallOrigin& origin) {
      return held->sink(
          {.id = origin.id, .tenant = origin.tenant, .program = origin.program, .version = origin.version});
    };
    live = std::make_shared<LiveExperiments>(LiveExperimentOptions{
        .workspace = Workspace(folder.path),
        .catalog = catalog,
        .splits = options.splits,
        .version = [](const std::string& program, const std::string& wanted) {
          if (wanted == "9")
            return std::make_shared<const ServedProgram>(version(program, "qa:9", "question -> answer: int"));
          if (wanted != "1" && wanted != "2") throw Error(Errc::bad_input, "there is no version " + wanted);
          return std::make_shared<const ServedProgram>(version(program, "qa:" + wanted, "question -> answer"));
        }});
    jobs = std::make_shared<JobRunner>(catalog, std::make_shared<JobStore>(folder.path / "jobs.sqlite"),
                                       JobOptions{.programs = options});
    routes.add(program_routes(catalog, options));
    routes.add(protocol_routes(catalog,
                               {.trace = options.trace, .splits = options.splits, .on_exposure = options.on_exposure}));
    routes.add(job_routes(jobs));
    ResourceServices services{.workspace = Workspace(folder.path)};
    services.traces = traces;
    services.catalog = catalog;
    services.experiments = log;
    services.live_experiments = live;
    routes.add(standard_resources(services).routes());
    routes.add(feedback_routes(services));
  }

  HttpResponse ask(std::string method, std::string path, const Json& body = nullptr, std::string user = {}) {
    HttpRequest request{.method = std::move(method), .path = std::move(path), .peer = "127.0.0.1"};
    if (!body.is_null()) request.body = to_text(body);
    if (!user.empty()) request.headers.set("X-User", std::move(user));
    return wait(routes.answer(std::move(request)));
  }
  JsonObject json(std::string method, std::string path, const Json& body = nullptr, std::string user = {}) {
    const auto response = ask(std::move(method), std::move(path), body, std::move(user));
    REQUIRE_MESSAGE(response.status < 300, response.body);
    return parse_json(response.body).value().as_object();
  }

  HttpResponse start(const std::string& second = "2") {
    return ask("POST", "/api/experiments/start",
               {{"name", "e"},
                {"program", "qa"},
                {"metric", "right"},
                {"arms", {{{"name", "old"}, {"version", "1"}}, {{"name", "new"}, {"version", second}}}}});
  }

  /// The answer of each endpoint, which is the version that gave it.
  std::set<std::string> answers(const std::string& user) {
    std::set<std::string> out;
    const auto add = [&](const Json& answer) { out.emplace(view(answer.as_string())); };
    add(json("POST", "/v1/programs/qa", {{"inputs", {{"question", "?"}}}}, user).at("outputs").at("answer"));
    const Json chat{{"model", "qa"}, {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", "?"}}}}};
    add(json("POST", "/v1/chat/completions", chat, user).at("choices").at(0).at("message").at("content"));
    auto message = chat.as_object();
    message["max_tokens"] = 10;
    add(json("POST", "/v1/messages", message, user).at("content").at(0).at("text"));
    auto plain = chat.as_object();
    plain["stream"] = false;
    add(json("POST", "/api/chat", plain, user).at("message").at("content"));
    add(json("POST", "/v1/responses", {{"model", "qa"}, {"input", "?"}}, user)
            .at("output")
            .at(0)
            .at("content")
            .at(0)
            .at("text"));
    const auto started = json("POST", "/v1/jobs", {{"program", "qa"}, {"inputs", {{"question", "?"}}}}, user);
    const std::string id(view(started.at("id").as_string()));
    for (int i = 0; i < 400; ++i) {
      const auto job = json("GET", std::format("/v1/jobs/{}", id));
      if (job.at("state") == "done") {
        add(job.at("outputs").at("answer"));
        break;
      }
      std::this_thread::sleep_for(5ms);
    }
    out.insert(socket_answer(user));
    return out;
  }

  std::string socket_answer(const std::string& user) {
    class Once final : public WebSocket {
     public:
      Async<std::optional<std::string>> read() override { return next(sent_); }
      Async<void> write(std::string text) override {
        last = std::move(text);
        co_return;
      }
      std::string last;

     private:
      static Async<std::optional<std::string>> next(bool& sent) {
        if (sent) co_return std::nullopt;
        sent = true;
        co_return R"({"program": "qa", "inputs": {"question": "?"}})";
      }
      bool sent_ = false;
    };
    Once socket;
    HttpRequest request{.path = "/v1/programs", .peer = "127.0.0.1"};
    request.headers.set("X-User", user);
    wait(program_socket(catalog, options).handler(std::move(request), socket));
    return std::string(view(parse_json(socket.last).value().at("outputs").at("answer").as_string()));
  }
};

}  // namespace

TEST_CASE("a caller has one arm of an experiment at every endpoint") {
  Served served;
  REQUIRE(served.start().status == 200);
  std::set<std::string> arms;
  for (int i = 0; i < 12; ++i) {
    const auto user = std::format("user{}", i);
    const auto answers = served.answers(user);
    CAPTURE(user);
    REQUIRE(answers.size() == 1);
    arms.insert(*answers.begin());
  }
  CHECK(arms == std::set<std::string>{"qa:1", "qa:2"});
  CHECK(served.json("POST", "/api/experiments/e/stop").at("state") == "stopped");
  CHECK(served.json("POST", "/v1/programs/qa", {{"inputs", {{"question", "?"}}}}).at("outputs").at("answer") == "qa:1");
  CHECK(served.json("GET", "/api/experiments/e").at("exposures").at("old").at("calls").to_number<int>() % 7 == 0);
}

TEST_CASE("feedback on calls of an experiment is counted by caller") {
  Served served;
  REQUIRE(served.start().status == 200);
  for (int i = 0; i < 40; ++i) {
    const auto user = std::format("user{}", i);
    for (int call = 0; call < 3; ++call) {
      const auto answer =
          served.json("POST", "/v1/chat/completions",
                      {{"model", "qa"}, {"messages", JsonArray{JsonObject{{"role", "user"}, {"content", "?"}}}}}, user);
      const auto& own = answer.at("dspy").as_object();
      CHECK(own.at("experiment") == "e");
      REQUIRE(served.traces->flush(5s));
      served.json(
          "POST", "/v1/feedback",
          {{"trace_id", own.at("trace_id")}, {"name", "right"}, {"score", own.at("arm") == "new" ? 1 : call % 2}});
    }
  }
  const auto whole = served.json("GET", "/api/experiments/e");
  const auto& exposed = whole.at("exposures").as_object();
  const auto count = [&](const char* arm, const char* of) { return exposed.at(arm).at(of).to_number<int>(); };
  CHECK(count("old", "units") + count("new", "units") == 40);
  CHECK(count("new", "calls") == 3 * count("new", "units"));
  CHECK(count("new", "judged") == count("new", "calls"));
  CHECK(whole.at("counts").at("new").to_number<int>() == count("new", "units"));
  const auto& result = whole.at("result").as_object();
  CHECK(result.at("control_mean").to_number<double>() == doctest::Approx(1.0 / 3));
  CHECK(result.at("comparisons").at(0).at("difference").to_number<double>() == doctest::Approx(2.0 / 3));
  CHECK(result.at("ratio_is_fine") == true);
}

TEST_CASE("an arm that cannot be served, or that callers could not call, is refused") {
  Served served;
  CHECK(served
            .ask("POST", "/api/experiments/start",
                 {{"name", "e"},
                  {"program", "nosuch"},
                  {"metric", "right"},
                  {"arms", {{{"name", "a"}, {"version", "1"}}, {{"name", "b"}, {"version", "2"}}}}})
            .status == 404);
  CHECK(served.start("3").status == 400);
  const auto other = served.start("9");
  CHECK(other.status == 400);
  CHECK(other.body.contains("callers of one would not be those of the other"));
  CHECK(served.start("@candidate").status == 400);
  CHECK(served.start().status == 200);
  const auto second = served.ask("POST", "/api/experiments/start",
                                 {{"name", "f"},
                                  {"program", "qa"},
                                  {"metric", "right"},
                                  {"arms", {{{"name", "a"}, {"version", "1"}}, {{"name", "b"}, {"version", "2"}}}}});
  CHECK(second.status == 409);
  CHECK(second.body.contains("stop it first"));
}

TEST_CASE("an experiment whose file another process wrote begins and ends with it") {
  Served served;
  const auto file = served.folder.path / "experiments" / "told.json";
  std::filesystem::create_directories(file.parent_path());
  const auto written = [&](const char* state) {
    replace_file(file, to_text(Json{{"program", "qa"},
                                    {"metric", "m"},
                                    {"arms",
                                     {{{"name", "only"}, {"version", "2"}, {"weight", 1}},
                                      {{"name", "never"}, {"version", "1"}, {"weight", 0}}}},
                                    {"state", state}}));
    served.live->poll();
  };
  const auto answer = [&] {
    return served.json("POST", "/v1/programs/qa", {{"inputs", {{"question", "?"}}}}).at("outputs").at("answer");
  };
  written("running");
  CHECK(answer() == "qa:2");
  written("stopped");
  CHECK(answer() == "qa:1");
  written("running");
  CHECK(answer() == "qa:2");
  std::filesystem::remove(file);
  served.live->poll();
  CHECK(answer() == "qa:1");
  replace_file(file, "{}");
  served.live->poll();
  REQUIRE(served.live->problems().size() == 1);
  CHECK(served.live->problems().front().contains("`told` divides no calls"));
  CHECK(answer() == "qa:1");
}

TEST_CASE("an experiment of a tenant divides no other's calls") {
  Served served;
  REQUIRE(served.start().status == 200);
  const auto chosen = [&](const char* tenant) {
    return served.options.splits->choose(*served.catalog, "qa", "user", tenant).experiment;
  };
  CHECK(chosen("") == "e");
  CHECK(chosen("acme").empty());
}

TEST_CASE("what an experiment has recorded outlives the process") {
  const test::Folder folder;
  const auto path = folder.path / "experiments.sqlite";
  {
    ExperimentLog log(path);
    for (int i = 0; i < 10; ++i)
      log.expose({.experiment = "e",
                  .arm = i % 2 == 0 ? "a" : "b",
                  .unit = std::format("u{}", i),
                  .trace = std::format("t{}", i)});
    CHECK(log.judge("", "t1", "m", 0.5) == "e");
    CHECK(log.judge("", "t1", "m", 1) == "e");
    CHECK(!log.judge("", "t99", "m", 1));
    CHECK(!log.judge("acme", "t1", "m", 1));
  }
  const ExperimentLog log(path);
  const auto arms = log.arms("", "e", "m");
  REQUIRE(arms.size() == 2);
  CHECK(arms[0].units == 5);
  CHECK(arms[0].values.empty());
  CHECK(arms[1].values == std::vector<double>{1});
  CHECK(log.arms("", "e", "m", std::chrono::system_clock::now() - 1h)[1].values.empty());
  CHECK(log.arms("acme", "e", "m").empty());
}

TEST_CASE("nobody starts an experiment on what their key may not use, or on the operator's registry from a tenant") {
  Served served;
  const auto start = [&](Caller caller) {
    caller.scopes.emplace_back("*");
    served.routes.set_authenticator(
        [caller](const HttpRequest&) { return [](Caller who) -> Async<Caller> { co_return who; }(caller); });
    return served.start().status;
  };
  CHECK(start({.key = "k", .scopes = {"model:qa"}}) == 403);
  CHECK(start({.key = "k", .scopes = {"model:other"}}) == 403);
  CHECK(start({.key = "k", .tenant = "acme"}) == 403);
  CHECK(start({.key = "k"}) == 200);
}
