#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/experiments/experiment_log.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "server/programs/program_call.hpp"
#include "server/stored/stored.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {

std::string keep_feedback(const ResourceServices& services, const std::string& tenant, const Feedback& feedback) {
  auto id = services.traces->add_feedback(tenant, feedback);
  tell(services, tenant, "feedback", id, "created");
  if (!services.experiments) return id;
  const auto judged =
      attempt([&] { return services.experiments->judge(tenant, feedback.trace, feedback.name, feedback.score); });
  if (!judged)
    log(LogLevel::error, "server", std::format("an experiment misses a judgement: {}", judged.error().what()));
  if (judged && *judged) tell(services, tenant, "experiments", **judged, "updated");
  return id;
}

Resource feedback_resource(const ResourceServices& services) {
  const auto traces = services.traces;
  std::vector<ResourceField> fields = {{.name = "id"},
                                       {.name = "trace_id"},
                                       {.name = "name", .is_sortable = true, .is_searchable = true},
                                       {.name = "score", .type = "float", .is_sortable = true},
                                       {.name = "comment", .is_searchable = true},
                                       {.name = "at", .type = "datetime", .is_sortable = true},
                                       {.name = "key"}};
  return {.name = "feedback",
          .fields = fields,
          .relations = {{.field = "trace_id", .to = "traces"}},
          .list = [traces, fields](ResourceQuery query) {
            return on_cpu([traces, fields, query = std::move(query)] {
              const auto trace = query.filters.find("trace_id");
              std::vector<JsonObject> items;
              for (const auto& each :
                   traces->feedback(query.caller.tenant, trace == query.filters.end() ? std::string() : trace->second))
                items.push_back(to_json(each));
              return page_of(std::move(items), fields, query);
            });
          }};
}

std::vector<Route> feedback_routes(const ResourceServices& services) {
  if (!services.traces) return {};
  const auto answer = [](ResourceServices held, HttpRequest request) -> Async<HttpResponse> {
    const auto body = json_body(request);
    require_known(body, {"trace_id", "name", "score", "comment"}, "the body");
    if (const auto* const comment = body.if_contains("comment");
        comment != nullptr && !comment->is_null() && !comment->is_string())
      throw Error(Errc::bad_input, "`comment` must be text", {.invalid = {"comment"}});
    const auto text = [&](std::string_view name) {
      const auto found = optional_text(body, name);
      if (!found)
        throw Error(Errc::bad_input, std::format("`{}` is missing, or no text", name),
                    {.missing = {std::string(name)}});
      return *found;
    };
    const auto score = optional_number(body, "score");
    if (!score) throw Error(Errc::bad_input, "`score` is missing, or no number", {.missing = {"score"}});
    Feedback feedback{.trace = text("trace_id"),
                      .name = text("name"),
                      .score = *score,
                      .comment = optional_text(body, "comment").value_or(""),
                      .key = request.caller.key};
    const auto id = co_await on_cpu([&] { return keep_feedback(held, request.caller.tenant, feedback); });
    co_return json_response(JsonObject{{"id", id}}, 201);
  };
  return {{.method = "POST",
           .path = "/v1/feedback",
           .handler = [answer, services](HttpRequest request) { return answer(services, std::move(request)); },
           .scope = "feedback:write",
           .document = {.summary = "Join a score to a trace",
                        .tag = "feedback",
                        .request = {{"type", "object"},
                                    {"properties",
                                     {{"trace_id", {{"type", "string"}}},
                                      {"name", {{"type", "string"}}},
                                      {"score", {{"type", "number"}}},
                                      {"comment", {{"type", "string"}}}}},
                                    {"required", {"trace_id", "name", "score"}}},
                        .response = {{"type", "object"}, {"required", {"id"}}},
                        .status = 201}}};
}

}  // namespace dspy::server
