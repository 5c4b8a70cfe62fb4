#include "dspy/server/programs/programs_api.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/signature/signature.hpp"
#include "server/programs/program_call.hpp"
#include "server/traced_error.hpp"

#include <exception>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Context = std::shared_ptr<const ProgramContext>;

ProgramCall call_of(const ProgramContext& context, const HttpRequest& request) {
  const auto body = json_body(request);
  require_known(body, {"inputs", "options"}, "the body");
  return prepare(context, asking_of(request, request.parameters.at("name")), object_member(body, "inputs", true),
                 object_member(body, "options", false));
}

Async<HttpResponse> list(Context context, HttpRequest request) {
  JsonArray programs;
  for (const auto& program : context->catalog->programs())
    if (may_use(context->options, request.caller, program->name)) programs.emplace_back(to_json(*program));
  co_return json_response(JsonObject{{"programs", std::move(programs)}});
}

Async<HttpResponse> show(Context context, HttpRequest request) {
  co_return json_response(to_json(*require_program(*context, request.caller, request.parameters.at("name"))));
}

Async<HttpResponse> call_once(Context context, HttpRequest request) {
  auto call = call_of(*context, request);
  const auto trace_id = call.trace_id;
  auto out = json_response(co_await run_call(std::move(call), {}));
  out.headers.set(trace_header, trace_id);
  co_return out;
}

Async<void> tell_fields(std::shared_ptr<ProgramCall> ready, std::shared_ptr<Pipe> pipe) {
  const auto answer = co_await run_call(
      std::move(*ready),
      [pipe](const FieldEvent& event) {
        JsonObject data = {{"field", event.field}, {"text", event.text}};
        if (event.restart) data["restart"] = true;
        if (event.done) data["done"] = true;
        pipe->push(sent_event("field", data));
      },
      pipe->pace());
  pipe->push(sent_event("done", answer));
}

Async<HttpResponse> stream(Context context, HttpRequest request) {
  // Made ready first, so that what is wrong with the request is a status and no event.
  const auto ready = std::make_shared<ProgramCall>(call_of(*context, request));
  auto out = event_stream([ready](std::shared_ptr<Pipe> pipe) { return tell_fields(ready, std::move(pipe)); });
  out.headers.set(trace_header, ready->trace_id);
  co_return out;
}

Async<HttpResponse> batch(Context context, HttpRequest request) {
  const auto body = json_body(request);
  require_known(body, {"inputs", "options"}, "the body");
  const auto* const rows = body.if_contains("inputs");
  if (rows == nullptr || !rows->is_array())
    throw Error(Errc::bad_input, "`inputs` must be a list of objects", {.invalid = {"inputs"}});
  const auto& all = rows->get_array();
  if (all.size() > context->options.max_batch)
    throw Error(Errc::bad_input, std::format("a batch may have {} rows; send it in parts", context->options.max_batch),
                {.actual = all.size(), .max = context->options.max_batch, .invalid = {"inputs"}});
  require_program(*context, request.caller, request.parameters.at("name"));
  const auto wishes = object_member(body, "options", false);
  std::vector<JsonObject> results(all.size());
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
  co_await run_concurrently(all.size(), context->options.batch_concurrency, [&](std::size_t i) -> Async<void> {
    try {
      if (!all[i].is_object())
        throw Error(Errc::bad_input, std::format("`inputs[{}]` must be an object", i),
                    {.invalid = {std::format("inputs[{}]", i)}});
      results[i] = co_await run_call(
          prepare(*context, asking_of(request, request.parameters.at("name")), all[i].get_object(), wishes), {});
    } catch (const Error& error) {
      results[i] = error_body(error, status_of(error)).as_object();
    } catch (const std::exception& error) {
      results[i] = error_body(Error(Errc::inference_failed, error.what()), 500).as_object();
    }
  });
  JsonArray out;
  for (auto& result : results) out.emplace_back(std::move(result));
  co_return json_response(JsonObject{{"results", std::move(out)}});
}

/// The first predictor whose inputs are all given: what a program that is made of several asks first.
Chat first_prompt(const ProgramCall& call) {
  std::optional<Chat> out;
  call.program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    if (out) return;
    JsonObject own;
    for (const auto& field : predictor.signature().inputs) {
      const auto* const value = call.inputs.if_contains(field.name);
      if (value != nullptr) {
        own[field.name] = *value;
      } else if (field.is_required()) {
        return;
      }
    }
    out = predictor.render(std::move(own));
  });
  if (!out)
    throw Error(Errc::unsupported,
                "what this program asks first depends on code that only runs when it is called; call it with "
                "`options.trace` to see its prompts");
  return *std::move(out);
}

Async<HttpResponse> render(Context context, HttpRequest request) {
  JsonArray messages;
  for (const auto& message : first_prompt(call_of(*context, request)))
    messages.push_back(JsonObject{{"role", to_string(message.role)}, {"text", message.text()}});
  co_return json_response(JsonObject{{"messages", std::move(messages)}});
}

Json schema_of_call(bool is_batch) {
  const JsonObject object = {{"type", "object"}};
  const Json inputs = is_batch ? Json(JsonObject{{"type", "array"}, {"items", object}}) : Json(object);
  return JsonObject{{"type", "object"},
                    {"properties", JsonObject{{"inputs", inputs}, {"options", object}}},
                    {"required", JsonArray{"inputs"}},
                    {"additionalProperties", false}};
}

}  // namespace

std::vector<Route> program_routes(std::shared_ptr<const Catalog> catalog, ProgramsOptions options) {
  const auto scope = options.scope;
  const Context context = std::make_shared<const ProgramContext>(std::move(catalog), std::move(options));
  const auto at = [&](const std::string& method, const std::string& path, auto handler, RouteDocument document) {
    document.tag = "programs";
    return Route{.method = method,
                 .path = path,
                 .handler = [context, handler](HttpRequest request) { return handler(context, std::move(request)); },
                 .scope = scope,
                 .document = std::move(document)};
  };
  std::vector<Route> out;
  out.push_back(at("GET", "/v1/programs", list, {.summary = "The served programs"}));
  out.push_back(at("GET", "/v1/programs/{name}", show, {.summary = "One program, with its fields"}));
  out.push_back(
      at("POST", "/v1/programs/{name}", call_once, {.summary = "Runs a program", .request = schema_of_call(false)}));
  out.push_back(at("POST", "/v1/programs/{name}:stream", stream,
                   {.summary = "Runs a program, and sends its fields while they are written",
                    .request = schema_of_call(false),
                    .streams = true}));
  out.push_back(at("POST", "/v1/programs/{name}:batch", batch,
                   {.summary = "Runs a program on many inputs", .request = schema_of_call(true)}));
  out.push_back(at("POST", "/v1/programs/{name}:render", render,
                   {.summary = "The exact prompt of a call, without asking", .request = schema_of_call(false)}));
  return out;
}

}  // namespace dspy::server
