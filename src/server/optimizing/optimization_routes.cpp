#include "dspy/base/async.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/routes.hpp"

#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Runner = std::shared_ptr<OptimizationRunner>;

Async<void> send(std::shared_ptr<Pipe> pipe, std::stop_token stop, BodyWriter& writer) {
  const std::stop_callback end(stop, [pipe] { pipe->close(); });
  while (auto piece = co_await pipe->next())
    co_await writer.write(piece->empty() ? ": still here\n\n" : *std::move(piece));
}

Async<HttpResponse> events(Runner runner, HttpRequest request) {
  const auto pipe = make_pipe();
  co_await on_cpu([&] { runner->follow(request.caller, request.parameters.at("id"), pipe); });
  auto response = event_stream({});
  response.stream = [pipe, stop = request.stop](BodyWriter& writer) { return send(pipe, stop, writer); };
  co_return response;
}

}  // namespace

std::vector<Route> optimization_routes(std::shared_ptr<OptimizationRunner> runner) {
  return {
      {.path = "/api/optimizations/{id}/events",
       .handler = [runner = std::move(runner)](HttpRequest request) { return events(runner, std::move(request)); },
       .scope = "optimizations:read",
       .document = {.summary = "The history and live events of a search", .tag = "optimizations", .streams = true}}};
}

}  // namespace dspy::server
