#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/jobs/job_runner.hpp"
#include "dspy/server/jobs/job_store.hpp"
#include "dspy/server/routes.hpp"
#include "server/programs/program_call.hpp"

#include <charconv>
#include <cstddef>
#include <format>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Runner = std::shared_ptr<JobRunner>;

std::string text_member(const JsonObject& body, std::string_view name, bool is_required) {
  const auto* const value = body.if_contains(name);
  if (value == nullptr && !is_required) return {};
  if (value == nullptr || !value->is_string())
    throw Error(Errc::bad_input, std::format("`{}` must be text", name), {.invalid = {std::string(name)}});
  return std::string(view(value->get_string()));
}

// The store is a file: asked on a thread for that, so that a slow disk holds up no other request.

Async<HttpResponse> start(Runner runner, HttpRequest request) {
  auto body = json_body(request);
  require_known(body, {"program", "inputs", "options"}, "the body");
  const auto program = text_member(body, "program", true);
  const auto job = co_await on_cpu([&] {
    return runner->submit(request.caller, program, object_member(body, "inputs", true),
                          object_member(body, "options", false), unit_of(request), remote_parent_of(request));
  });
  auto response = json_response(JsonObject{{"id", job.id}, {"state", to_string(job.state)}}, 202);
  response.headers.set("Location", "/v1/jobs/" + job.id);
  co_return response;
}

std::size_t limit_of(const HttpRequest& request) {
  const auto it = request.query.find("limit");
  if (it == request.query.end()) return 50;
  std::size_t out = 0;
  const auto [end, code] = std::from_chars(it->second.data(), it->second.data() + it->second.size(), out);
  if (code != std::errc() || end != it->second.data() + it->second.size() || out < 1 || out > 1000)
    throw Error(Errc::bad_input, "`limit` must be a whole number from 1 to 1000", {.invalid = {"limit"}});
  return out;
}

Async<HttpResponse> list(Runner runner, HttpRequest request) {
  std::optional<JobState> state;
  if (const auto it = request.query.find("state"); it != request.query.end()) {
    state = job_state(it->second);
    if (!state)
      throw Error(Errc::bad_input, "`state` must be queued, running, waiting, done, failed or cancelled",
                  {.invalid = {"state"}});
  }
  const auto limit = limit_of(request);
  JsonArray jobs;
  for (const auto& job : co_await on_cpu([&] { return runner->list(request.caller, state, limit); }))
    jobs.emplace_back(to_json(job));
  co_return json_response(JsonObject{{"jobs", std::move(jobs)}});
}

Async<HttpResponse> show(Runner runner, HttpRequest request) {
  co_return json_response(
      to_json(co_await on_cpu([&] { return runner->find(request.caller, request.parameters.at("id")); })));
}

Async<HttpResponse> cancel(Runner runner, HttpRequest request) {
  co_return json_response(
      to_json(co_await on_cpu([&] { return runner->cancel(request.caller, request.parameters.at("id")); })));
}

Async<HttpResponse> approve(Runner runner, HttpRequest request) {
  const auto body = json_body(request);
  require_known(body, {"call", "decision", "note"}, "the body");
  const auto call = text_member(body, "call", true);
  const auto decision = text_member(body, "decision", true);
  const auto note = text_member(body, "note", false);
  if (decision != "allow" && decision != "deny")
    throw Error(Errc::bad_input, "`decision` must be allow or deny", {.invalid = {"decision"}});
  co_return json_response(to_json(co_await on_cpu(
      [&] { return runner->approve(request.caller, request.parameters.at("id"), call, decision == "allow", note); })));
}

Async<void> follow(Runner runner, std::string id, std::stop_token stop, BodyWriter& writer) {
  const auto pipe = make_pipe();
  const std::stop_callback end(stop, [pipe] { pipe->close(); });
  runner->follow(id, pipe);
  while (auto piece = co_await pipe->next())
    co_await writer.write(piece->empty() ? ": still here\n\n" : *std::move(piece));
}

Async<HttpResponse> events(Runner runner, HttpRequest request) {
  const auto& id = request.parameters.at("id");
  co_await on_cpu([&] { runner->find(request.caller, id); });
  co_return HttpResponse{
      .headers = event_stream({}).headers,
      .stream = [runner, id, stop = request.stop](BodyWriter& writer) { return follow(runner, id, stop, writer); }};
}

}  // namespace

std::vector<Route> job_routes(std::shared_ptr<JobRunner> runner, const std::string& scope) {
  const auto at = [&](const std::string& method, const std::string& path, auto handler, const std::string& summary) {
    return Route{.method = method,
                 .path = path,
                 .handler = [runner, handler](HttpRequest request) { return handler(runner, std::move(request)); },
                 .scope = scope,
                 .document = {.summary = summary, .tag = "jobs"},
                 .is_work = false};
  };
  const JsonObject text = {{"type", "string"}};
  const JsonObject object = {{"type", "object"}};
  std::vector<Route> out;
  out.push_back(at("POST", "/v1/jobs", start, "Starts a job, which outlives the request and the process"));
  out.back().document.status = 202;
  out.back().document.request =
      JsonObject{{"type", "object"},
                 {"properties", JsonObject{{"program", text}, {"inputs", object}, {"options", object}}},
                 {"required", JsonArray{"program", "inputs"}}};
  out.push_back(at("GET", "/v1/jobs", list, "The newest jobs"));
  out.push_back(at("GET", "/v1/jobs/{id}", show, "The state and the result of a job"));
  out.push_back(at("GET", "/v1/jobs/{id}/events", events, "The events of a job, as they happen"));
  out.back().document.streams = true;
  out.push_back(at("POST", "/v1/jobs/{id}:cancel", cancel, "Stops a job"));
  out.push_back(at("POST", "/v1/jobs/{id}:approve", approve, "Decides about a call that an agent waits with"));
  out.back().document.request = JsonObject{
      {"type", "object"},
      {"properties",
       JsonObject{{"call", text}, {"decision", JsonObject{{"enum", JsonArray{"allow", "deny"}}}}, {"note", text}}},
      {"required", JsonArray{"call", "decision"}}};
  return out;
}

}  // namespace dspy::server
