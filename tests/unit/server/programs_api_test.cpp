#include "dspy/server/programs/programs_api.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/system/system_api.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;
using namespace dspy::server;

namespace {

/// Takes the pieces of a streamed body.
class Taken final : public BodyWriter {
 public:
  Async<void> write(std::string bytes) override {
    text += bytes;
    co_return;
  }
  std::string text;
};

struct Served {
  std::shared_ptr<ScriptedLM> lm;
  std::shared_ptr<Catalog> catalog = std::make_shared<Catalog>();
  Routes routes;

  explicit Served(const std::vector<std::string>& replies, ProgramsOptions options = {})
      : lm(std::make_shared<ScriptedLM>(std::deque<std::string>(replies.begin(), replies.end()))) {
    const auto signature = Signature::parse("ticket -> category: Literal['billing', 'bug']", "Sort the ticket.");
    put("triage", "v1", signature);
    catalog->put(ServedModel{.name = "scripted", .lm = lm});
    routes.add(program_routes(catalog, std::move(options)));
  }

  void put(std::string name, std::string version, const Signature& signature) const {
    catalog->put(ServedProgram{.name = std::move(name),
                               .version = std::move(version),
                               .source = "test",
                               .program = Program(Predictor(signature, {.lm = lm})),
                               .signature = signature,
                               .loaded_at = {}});
  }

  HttpResponse ask(std::string path, std::string body, http::Headers headers = {}) const {
    return wait(routes.answer({.method = body.empty() ? "GET" : "POST",
                               .path = std::move(path),
                               .headers = std::move(headers),
                               .body = std::move(body)}));
  }
  static JsonObject json(const HttpResponse& response) { return parse_json(response.body).value().as_object(); }
};

}  // namespace

TEST_CASE("a program is listed with its fields") {
  const Served served({});
  const auto list = Served::json(served.ask("/v1/programs", ""));
  const auto& one = list.at("programs").as_array().at(0).as_object();
  CHECK(one.at("name") == "triage");
  CHECK(one.at("signature") == "ticket: str -> category: Literal['billing', 'bug']");
  CHECK(one.at("instructions") == "Sort the ticket.");
  CHECK(one.at("outputs").at(0).at("schema") == parse_json(R"({"type":"string","enum":["billing","bug"]})").value());
  CHECK(one.at("inputs").at(0).at("required") == true);
  CHECK(one.at("predictors") == JsonArray{"self"});
  CHECK(Served::json(served.ask("/v1/programs/triage", "")) == one);
  const auto none = served.ask("/v1/programs/triag", "");
  CHECK(none.status == 404);
  CHECK(none.body.contains("did you mean `triage`?"));
}

TEST_CASE("a call answers with outputs, usage and version") {
  const Served served({"Category: bug"});
  const auto response = served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"It broke."}})");
  CHECK(response.status == 200);
  const auto out = Served::json(response);
  CHECK(out.at("outputs") == JsonObject{{"category", "bug"}});
  CHECK(out.at("version") == "v1");
  CHECK(out.at("trace_id").as_string().size() == 32);
  CHECK(out.at("usage").at("requests") == 1);
  CHECK(out.at("seconds").as_double() > 0);
  CHECK(!out.contains("trace"));
}

TEST_CASE("wrong requests are told what is wrong, and nothing is asked") {
  const Served served({"Category: bug"});
  const auto refused = [&](std::string body, int status, std::string_view said) {
    CAPTURE(body);
    const auto response = served.ask("/v1/programs/triage", std::move(body));
    CHECK(response.status == status);
    CHECK(response.body.contains(said));
  };
  refused("{", 400, "the body is not JSON");
  refused("{}", 400, R"("field":"inputs")");
  refused(R"({"inputs":[]})", 400, "`inputs` must be an object");
  refused(R"({"inputs":{}})", 400, R"("field":"ticket")");
  refused(R"({"inputs":{"ticket":5}})", 400, R"("field":"ticket")");
  refused(R"({"inputs":{"ticket":"a","other":1}})", 400, "other");
  refused(R"({"inputs":{"ticket":"a"},"option":{}})", 400, "`option`");
  refused(R"({"inputs":{"ticket":"a"},"options":{"modell":"x"}})", 400, "`modell`");
  refused(R"({"inputs":{"ticket":"a"},"options":{"model":"x"}})", 400, "which this server does not serve");
  refused(R"({"inputs":{"ticket":"a"},"options":{"adapter":"x"}})", 400, "options.adapter");
  refused(R"({"inputs":{"ticket":"a"},"options":{"temperature":-1}})", 400, "temperature");
  refused(R"({"inputs":{"ticket":"a"},"options":{"seed":-1}})", 400, "options.seed");
  refused(R"({"inputs":{"ticket":"a"},"options":{"logprobs":101}})", 400, "options.logprobs");
  refused(R"({"inputs":{"ticket":"a"},"options":{"logprobs":true}})", 400, "options.logprobs");
  refused(R"({"inputs":{"ticket":"a"},"options":{"demos":true}})", 400, "options.demos");
  CHECK(served.lm->requests().empty());
}

TEST_CASE("options change one call") {
  const Served served({R"({"category": "billing"})", "Category: bug"});
  const auto out = Served::json(served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"a"},"options":
      {"adapter":"json","model":"scripted","temperature":0.5,"seed":7,"max_tokens":9,"logprobs":5,"trace":true,
       "demos":[{"ticket":"I paid twice.","category":"billing"}]}})"));
  CHECK(out.at("outputs").at("category") == "billing");
  CHECK(out.at("trace").as_array().size() == 3);  // attempt, call, program
  const auto request = served.lm->requests().at(0);
  CHECK(request.sampling.temperature == 0.5);
  CHECK(request.sampling.seed == 7);
  CHECK(request.sampling.max_tokens == 9);
  CHECK(request.sampling.logprobs == 5);
  CHECK(request.messages.size() == 4);
  served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"a"}})");
  CHECK(!served.lm->requests().at(1).sampling.seed);
}

TEST_CASE("a stream brings each field, and the whole answer at the end") {
  const Served served({"Category: bug"});
  const auto response = served.ask("/v1/programs/triage:stream", R"({"inputs":{"ticket":"a"}})");
  CHECK(response.headers.find("Content-Type") == "text/event-stream");
  Taken taken;
  wait(response.stream(taken));
  CHECK(taken.text.starts_with("event: field\ndata: {\"field\":\"category\",\"text\":\""));
  CHECK(taken.text.contains("event: done\ndata: {\"outputs\":{\"category\":\"bug\"}"));
  CHECK(taken.text.ends_with("\n\n"));
  CHECK(served.ask("/v1/programs/triage:stream", R"({"inputs":{}})").status == 400);
}

TEST_CASE("a stream that fails says so at its end") {
  const Served served({"nonsense", "nonsense", "nonsense"});
  const auto response = served.ask("/v1/programs/triage:stream", R"({"inputs":{"ticket":"a"}})");
  Taken taken;
  wait(response.stream(taken));
  CHECK(taken.text.contains("event: error\ndata: {\"error\":{\"message\":"));
  CHECK(taken.text.contains("\"type\":\"parse_error\""));
}

TEST_CASE("a call that fails names its trace as one that succeeds does") {
  const Served served({"Category: bug", "Category: whale", "Category: whale", "Category: whale"});
  const auto right = served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"It broke."}})");
  CHECK(right.headers.find("dspy-trace-id") == view(Served::json(right).at("trace_id").as_string()));
  const auto failed = served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"It broke."}})");
  CHECK(failed.status == 502);
  const auto error = Served::json(failed).at("error");
  CHECK(error.at("trace_id").as_string().size() == 32);
  CHECK(failed.headers.find("dspy-trace-id") == view(error.at("trace_id").as_string()));
  const auto refused = served.ask("/v1/programs/triage", R"({"inputs":{}})");
  CHECK(!refused.headers.find("dspy-trace-id"));  // nothing was called
  const auto none = served.ask("/v1/programs/none", R"({"inputs":{}})");
  CHECK(Served::json(none).at("error").at("type") == "not_found");
}

TEST_CASE("rows of a batch fail one by one") {
  const Served served({"Category: bug", "Category: billing"});
  const auto out = Served::json(
      served.ask("/v1/programs/triage:batch", R"({"inputs":[{"ticket":"a"},{"wrong":1},7,{"ticket":"b"}]})"));
  const auto& rows = out.at("results").as_array();
  REQUIRE(rows.size() == 4);
  CHECK(rows.at(0).at("outputs").at("category") == "bug");
  CHECK(rows.at(1).at("error").at("type") == "bad_input");
  CHECK(rows.at(2).at("error").at("field") == "inputs[2]");
  CHECK(rows.at(3).at("outputs").at("category") == "billing");
}

TEST_CASE("the prompt of a call can be seen without asking") {
  const Served served({});
  const auto out = Served::json(served.ask("/v1/programs/triage:render", R"({"inputs":{"ticket":"It broke."}})"));
  const auto& messages = out.at("messages").as_array();
  CHECK(messages.at(0) == JsonObject{{"role", "system"}, {"text", "Sort the ticket."}});
  CHECK(view(messages.back().at("text").as_string()).contains("It broke."));
  CHECK(served.lm->requests().empty());
}

TEST_CASE("an experiment divides callers, each of whom stays with an arm") {
  ProgramsOptions options;
  const auto splits = options.splits;
  std::vector<std::string> replies(200, "Category: bug");
  Served served(std::move(replies), options);
  const auto signature = served.catalog->program("triage")->signature;
  served.put("triage@candidate", "v2", signature);
  splits->start("triage", {.experiment = "e",
                           .arms = {{.program = "triage", .weight = 1}, {.program = "triage@candidate", .weight = 1}}});
  int candidates = 0;
  for (int i = 0; i < 50; ++i) {
    const auto user = "user" + std::to_string(i);
    const auto arm = [&] {
      const auto out = Served::json(
          served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"a"}})", {{.name = "X-User", .value = user}}));
      CHECK(out.at("experiment") == "e");
      CHECK((out.at("arm") == "triage@candidate") == (out.at("version") == "v2"));
      return std::string(view(out.at("arm").as_string()));
    };
    const auto first = arm();
    CHECK(arm() == first);
    candidates += first == "triage@candidate" ? 1 : 0;
  }
  CHECK(candidates > 10);
  CHECK(candidates < 40);
  CHECK(splits->stop("triage"));
  CHECK(!Served::json(served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"a"}})")).contains("arm"));
  CHECK_THROWS_AS(splits->start("triage", {.experiment = "e", .arms = {{.program = "triage"}}}), Error);
}

TEST_CASE("a key's budget and programs are looked at before anything is asked") {
  ProgramsOptions options;
  std::vector<CallOrigin> origins;
  options.trace = [&](const CallOrigin& origin) -> std::shared_ptr<Trace> {
    origins.push_back(origin);
    return nullptr;
  };
  options.charge = [](const Caller&) {
    return CallCharge{.budget = std::make_shared<Budget>(Budget::Limits{.requests = 0})};
  };
  options.may_use = [](const Caller&, std::string_view name) { return name != "secret"; };
  const Served served({"Category: bug"}, std::move(options));
  served.put("secret", "v1", served.catalog->program("triage")->signature);
  CHECK(served.ask("/v1/programs/secret", R"({"inputs":{"ticket":"a"}})").status == 403);
  CHECK(served.ask("/v1/programs/triage", R"({"inputs":{"ticket":"a"}})").status == 429);
  CHECK(served.lm->requests().empty());
  CHECK(origins.size() == 1);
  CHECK(origins.at(0).program == "triage");
}

TEST_CASE("the OpenAPI document has every route, and each program with its fields") {
  Served served({});
  served.routes.add(system_routes({.catalog = served.catalog, .metrics = std::make_shared<Metrics>()}));
  served.routes.add(openapi_route(served.routes, served.catalog));
  const auto document = Served::json(served.ask("/openapi.json", ""));
  CHECK(document.at("openapi") == "3.1.0");
  const auto& paths = document.at("paths").as_object();
  for (const auto* path : {"/v1/programs", "/v1/programs/{name}:stream", "/healthz", "/metrics"}) {
    CAPTURE(path);
    CHECK(paths.contains(path));
  }
  CHECK(Json(document).at_pointer(
            "/paths/~1v1~1programs~1triage/post/requestBody/content/application~1json/schema/properties/"
            "inputs/required") == JsonArray{"ticket"});
}

TEST_CASE("the OpenAPI document has each API's form of errors, and the status of what is made") {
  Served served({});
  served.routes.add({.method = "POST",
                     .path = "/make",
                     .handler = [](HttpRequest) -> Async<HttpResponse> { co_return HttpResponse{.status = 201}; },
                     .errors = [](const Error& error, int) -> Json {
                       return JsonObject{{"detail", JsonObject{{"said", error.what()}, {"param", nullptr}}}};
                     },
                     .document = {.summary = "Make one", .status = 201}});
  const Json document = openapi_document(served.routes.all(), *served.catalog);
  const auto& responses = document.at_pointer("/paths/~1make/post/responses");
  CHECK(responses.as_object().contains("201"));
  CHECK(responses.at_pointer("/default/content/application~1json/schema") == parse_json(R"({"type":"object",
      "properties":{"detail":{"type":"object","properties":{"said":{"type":"string"},"param":{"type":["string","null"]}},
      "required":["said","param"]}},"required":["detail"]})")
                                                                                 .value());
  const auto& plain =
      document.at_pointer("/paths/~1v1~1programs/get/responses/default/content/application~1json/schema");
  CHECK(plain == JsonObject{{"$ref", "#/components/schemas/Error"}});
}

TEST_CASE("the server says whether it is ready") {
  auto draining = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::string> problems;
  Routes routes;
  routes.add(system_routes({.catalog = std::make_shared<Catalog>(),
                            .admission = std::make_shared<server::Admission>(),
                            .metrics = std::make_shared<Metrics>(),
                            .is_draining = draining,
                            .problems = [&] { return problems; }}));
  const auto ask = [&](std::string path) { return wait(routes.answer({.path = std::move(path)})); };
  CHECK(ask("/healthz").status == 200);
  CHECK(ask("/readyz").body == R"({"ready":true,"problems":[]})");
  problems = {"`triage` was not loaded anew: no JSON"};
  // It goes on with what it has: taking it out of service would make things worse.
  CHECK(ask("/readyz").status == 200);
  CHECK(ask("/readyz").body.contains("no JSON"));
  problems.clear();
  draining->store(true);
  CHECK(ask("/readyz").body == R"({"ready":false,"problems":["the server is shutting down"]})");
  const auto system = Served::json(ask("/api/system"));
  CHECK(system.at("memory_bytes").to_number<double>() > 0);
  CHECK(system.at("queue").at("limit") == 256);
  CHECK(system.at("programs") == 0);
}
