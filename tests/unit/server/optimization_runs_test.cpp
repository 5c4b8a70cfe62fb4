#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/kernel/report.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// Right where the question is even.
class ParityLM final : public LM {
 public:
  std::string_view model() const noexcept override { return "parity"; }
  Async<Reply> complete(Request request) override { return answer(request.messages.back().text()); }

 private:
  static Async<Reply> answer(std::string asked) {
    Completion completion;
    completion.text = asked.contains("2") || asked.contains("4") ? "Answer: even" : "Answer: even, surely";
    co_return Reply(std::move(completion), Usage{.requests = 1});
  }
};

std::vector<Example> examples(const Signature& signature) {
  std::vector<Example> out;
  for (const auto* const number : {"1", "2", "3", "4"})
    out.emplace_back(JsonObject{{"question", number}, {"answer", "even"}}, signature);
  return out;
}

Program student() {
  return Predictor(Signature::parse("question -> answer"), {.lm = std::make_shared<ParityLM>()});
}

/// Says what it does, and goes on until it is stopped, or let go.
struct HeldOptimizer {
  std::shared_ptr<std::atomic<bool>> is_free = std::make_shared<std::atomic<bool>>(false);

  Optimized operator()(const Program& program, const Training& training) const {
    optimize::Report report{.optimizer = "Held", .metric = "exact"};
    report.candidates.push_back({.origin = "the program as it was", .score = 0.5});
    report.chosen = 0;
    Usage used{.requests = 3};
    training.search.on_event({.kind = optimize::Event::Kind::candidate, .text = "the program as it was"});
    training.search.on_event(
        {.kind = optimize::Event::Kind::evaluated, .score = 0.5, .best = 0.5, .used = used, .rollouts = 3});
    replace_file(training.search.checkpoint, "{}\n");
    while (!*is_free && !training.search.stop.stop_requested()) std::this_thread::sleep_for(2ms);
    if (!*is_free) report.stopped = "somebody stopped it";
    return {.program = program, .report = report};
  }
};

struct Served {
  test::Folder folder;
  HeldOptimizer held;
  AnyOptimizer work;
  std::vector<std::string> changes;
  std::shared_ptr<OptimizationRunner> runner;
  Routes routes;

  explicit Served(AnyOptimizer optimizer = {}) : work(optimizer ? std::move(optimizer) : AnyOptimizer(held)) {
    serve_again();
  }

  /// What a restart leaves is what lies in the folder.
  void serve_again() {
    routes = Routes();
    runner.reset();
    runner = std::make_shared<OptimizationRunner>(
        Workspace(folder.path),
        OptimizationOptions{.prepare =
                                [work = work](const Caller&, const JsonObject& settings) {
                                  if (settings.at("program") != "qa")
                                    throw HttpError(404, Errc::bad_input, "no program");
                                  const auto all = examples(Signature::parse("question -> answer"));
                                  return OptimizationWork{.student = student(),
                                                          .training = {.trainset = all, .valset = all},
                                                          .optimizer = work};
                                },
                            .max_running = 1});
    ResourceServices services{.workspace = Workspace(folder.path)};
    services.optimizations = runner;
    routes.add(standard_resources(services).routes());
    routes.add(optimization_routes(runner));
  }

  HttpResponse post(std::string path, const Json& body = JsonObject()) {
    return wait(routes.answer({.method = "POST", .path = std::move(path), .body = to_text(body)}));
  }
  JsonObject get(std::string path) {
    const auto response = wait(routes.answer({.path = std::move(path)}));
    REQUIRE_MESSAGE(response.status == 200, response.body);
    return parse_json(response.body).value().as_object();
  }
  HttpResponse start(const char* name, const char* program = "qa") {
    return post("/api/optimizations/start", {{"name", name}, {"program", program}, {"dataset", "d"}});
  }
  bool comes_to(const std::string& id, const char* state) {
    for (int i = 0; i < 2000; ++i) {
      if (get("/api/optimizations/" + id).at("state") == state) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
};

class Taken final : public BodyWriter {
 public:
  Async<void> write(std::string bytes) override {
    text += bytes;
    co_return;
  }
  std::string text;
};

}  // namespace

TEST_CASE("an optimizer is started, followed, stopped and resumed") {
  Served served;
  CHECK(served.start("none", "other").status == 404);
  REQUIRE(served.start("first").status == 200);
  CHECK(served.start("first").status == 409);
  CHECK(served.start("second").status == 429);
  REQUIRE(served.comes_to("first", "running"));
  for (int i = 0; i < 1000 && served.get("/api/optimizations/first").at("points").as_array().empty(); ++i)
    std::this_thread::sleep_for(2ms);
  const auto live = served.get("/api/optimizations/first");
  CHECK(live.at("best") == 0.5);
  CHECK(live.at("points").at(0).at("cost") == 3);
  CHECK(live.at("candidates").at(0).at("origin") == "the program as it was");
  CHECK(served.post("/api/optimizations/first/stop").status == 200);
  REQUIRE(served.comes_to("first", "stopped"));
  CHECK(std::filesystem::exists(served.folder.path / "optimizations" / "first.jsonl"));
  CHECK(served.post("/api/optimizations/first/stop").status == 409);
  CHECK(served.post("/api/optimizations/other/resume").status == 404);

  *served.held.is_free = true;
  CHECK(served.post("/api/optimizations/first/resume").status == 200);
  REQUIRE(served.comes_to("first", "done"));
  CHECK(!std::filesystem::exists(served.folder.path / "optimizations" / "first.jsonl"));
  CHECK(load_program(served.folder.path / "optimizations" / "first.best").predictors.size() == 1);
  CHECK(served.post("/api/optimizations/first/resume").status == 409);
  const auto list = served.get("/api/optimizations").at("items").as_array();
  REQUIRE(list.size() == 1);
  CHECK(list.at(0).at("state") == "done");

  Taken taken;
  wait(wait(served.routes.answer({.path = "/api/optimizations/first/events"})).stream(taken));
  CHECK(taken.text.starts_with("event: event\ndata: {\"kind\":\"candidate\""));
  CHECK(taken.text.contains("event: ended\ndata: {\"kind\":\"ended\",\"state\":\"stopped\"}"));
  CHECK(taken.text.contains("event: ended\ndata: {\"kind\":\"ended\",\"state\":\"done\"}"));
}

TEST_CASE("a run that the end of its server interrupted is shown so, and goes on when it is asked to") {
  Served served;
  REQUIRE(served.start("first").status == 200);
  for (int i = 0; i < 1000 && served.get("/api/optimizations/first").at("points").as_array().empty(); ++i)
    std::this_thread::sleep_for(2ms);
  SUBCASE("by a signal") {}
  SUBCASE("by a kill") {
    const auto events = served.folder.path / "optimizations" / "first.events";
    const auto killed = read_text(events, 1 << 20);
    served.serve_again();
    replace_file(events, killed);  // nothing tells of the end
  }
  served.serve_again();
  const auto run = served.get("/api/optimizations/first");
  CHECK(run.at("state") == "interrupted");
  CHECK(served.get("/api/optimizations").at("items").at(0).at("state") == "interrupted");
  REQUIRE(run.at("resume") == "/api/optimizations/first/resume");
  *served.held.is_free = true;
  CHECK(served.post(std::string(view(run.at("resume").as_string()))).status == 200);
  REQUIRE(served.comes_to("first", "done"));
  CHECK(!served.get("/api/optimizations/first").contains("resume"));
}

TEST_CASE("what follows an optimizer is told of what it does, until it ends") {
  Served served;
  REQUIRE(served.start("run").status == 200);
  const auto pipe = make_pipe();
  served.runner->follow({}, "run", pipe);
  std::string text;
  while (!text.contains("evaluated")) text += wait(pipe->next()).value_or("");
  *served.held.is_free = true;
  while (auto piece = wait(pipe->next())) text += *piece;
  CHECK(text.contains("event: ended"));
}

TEST_CASE("a real optimizer's candidates and scores are shown") {
  Served served(any_optimizer(BootstrapFewShotWithRandomSearch({.metric = metrics::exact_match("answer"),
                                                                .max_bootstrapped_demos = 1,
                                                                .max_labeled_demos = 1,
                                                                .num_candidate_programs = 2})));
  REQUIRE(served.start("search").status == 200);
  REQUIRE(served.comes_to("search", "done"));
  const auto run = served.get("/api/optimizations/search");
  CHECK(run.at("optimizer") == "BootstrapFewShotWithRandomSearch");
  CHECK(run.at("candidates").as_array().size() >= 2);
  CHECK(!run.at("points").as_array().empty());
  CHECK(run.at("best").to_number<double>() >= 0.5);
  CHECK(run.at("program") == "qa");
}

TEST_CASE("an optimizer that fails says why") {
  Served served([](const Program&, const Training&) -> Optimized { throw Error(Errc::bad_input, "it was not to be"); });
  REQUIRE(served.start("bad").status == 200);
  REQUIRE(served.comes_to("bad", "failed"));
  CHECK(served.get("/api/optimizations/bad").at("error") == "it was not to be");
}
