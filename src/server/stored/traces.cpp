#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/tracing/redactor.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"
#include "dspy/server/traces/trace_diff.hpp"
#include "dspy/server/traces/trace_store.hpp"
#include "dspy/signature/field.hpp"
#include "server/resources/action_inputs.hpp"
#include "server/stored/files/dataset_file.hpp"
#include "server/stored/stored.hpp"
#include "server/traced_error.hpp"

#include <algorithm>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

TraceQuery query_of(ResourceQuery query) {
  TraceQuery out{.tenant = query.caller.tenant,
                 .text = std::move(query.text),
                 .filters = std::move(query.filters),
                 .limit = query.limit,
                 .cursor = std::move(query.cursor)};
  if (!query.sort.empty()) {
    out.sort = std::move(query.sort);
    out.descending = query.descending;
  }
  return out;
}

/// The content of a trace, for who may read it.
JsonObject require(TraceStore& traces, const Caller& caller, const std::string& id) {
  require_scope(caller, "traces:read");
  auto found = traces.get(caller.tenant, id);
  if (!found) throw not_there("traces", id);
  return *std::move(found);
}

JsonObject object_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : JsonObject();
}

std::string text_at(const JsonObject& from, std::string_view name) {
  return optional_text(from, name).value_or("");
}

bool is_redacted(const Json& value) {
  if (value.is_string()) return view(value.get_string()).contains(Redactor::replacement);
  if (value.is_array()) return std::ranges::any_of(value.get_array(), is_redacted);
  return value.is_object() &&
         std::ranges::any_of(value.get_object(), [](const auto& member) { return is_redacted(member.value()); });
}

/// What was taken out of a trace cannot be put back: its outputs belong to other values.
void require_whole(const Json& values, std::string_view as) {
  if (!is_redacted(values)) return;
  throw HttpError(409, Errc::bad_input,
                  std::format("something that looks like a key was taken out of this trace ({}), so it cannot be {}: "
                              "the program's outputs belong to the original text",
                              Redactor::replacement, as));
}

/// Runs the currently served version of a trace's program on the trace's inputs.
Async<Json> replay(ResourceServices services, ActionCall call) {
  const auto trace = require(*services.traces, call.caller, call.id);
  const auto name = optional_text(call.inputs, "program").value_or(text_at(trace, "program"));
  if (!may_use(call.caller, name) || (services.keys && !services.keys->may_ask(call.caller, name)))
    throw HttpError(403, Errc::authentication_failed, std::format("this key may not use `{}`", name.substr(0, 100)));
  const auto served = services.catalog ? services.catalog->program(name) : nullptr;
  if (!served)
    throw Error(Errc::bad_input,
                std::format("the program `{}` is not served; name another as `program`", name.substr(0, 100)));
  const auto inputs = object_at(trace, "inputs");
  if (inputs.empty()) throw Error(Errc::bad_input, "this trace has no inputs: its content was not kept");
  require_whole(Json(inputs), "run again");
  const TraceOrigin origin{.id = draw_trace_id(),
                           .tenant = call.caller.tenant,
                           .program = served->name,
                           .version = served->version,
                           .key = call.caller.key};
  CallContext context{.trace = services.traces->sink(origin)};
  const auto charge = services.keys ? services.keys->charge(call.caller) : nullptr;
  if (charge) context.budget = charge->budget();
  const auto program = with_context(served->program, context);
  Prediction prediction;
  try {
    prediction = co_await program.run(inputs, Run{});
  } catch (const Error& error) {
    throw with_trace(error, origin.id);
  }
  co_return Json{{"trace_id", origin.id},
                 {"program", served->name},
                 {"version", served->version},
                 {"outputs", prediction.data},
                 {"before", object_at(trace, "outputs")},
                 {"same", object_at(trace, "outputs") == prediction.data},
                 {"usage", to_json(prediction.lm_usage)}};
}

/// The corrected outputs, checked against the program's types if it is still served.
JsonObject expected_outputs(const ResourceServices& services, const JsonObject& trace, const JsonObject& outputs) {
  const auto served = services.catalog ? services.catalog->program(text_at(trace, "program")) : nullptr;
  if (!served) return outputs;
  std::vector<Field> given;
  std::vector<std::string> names;
  for (const auto& field : served->signature.outputs) {
    names.push_back(field.name);
    if (outputs.contains(field.name)) given.push_back(field);
  }
  if (given.size() == outputs.size()) return checked_inputs(given, outputs);
  throw Error(Errc::bad_input,
              std::format("`outputs` has what is not an output of `{}`; it has {}", served->name,
                          text::enumerate(names, "`", "and")),
              {.invalid = {"outputs"}});
}

/// Inputs and outputs, or what is right in their place, as a row of a dataset.
Json to_dataset(const ResourceServices& services, const ActionCall& call) {
  const auto trace = require(*services.traces, call.caller, call.id);
  auto row = object_at(trace, "inputs");
  const auto* const expected = call.inputs.if_contains("outputs");
  const auto outputs =
      expected != nullptr ? expected_outputs(services, trace, expected->as_object()) : object_at(trace, "outputs");
  for (const auto& each : outputs) row[each.key()] = each.value();
  if (row.empty()) throw Error(Errc::bad_input, "this trace has no inputs: its content was not kept");
  require_whole(Json(row), "an example");
  const auto dataset = text_input(call.inputs, "dataset");
  DatasetFile file(services.workspace, call.caller.tenant, dataset);
  const auto place = file.add(std::move(row), call.caller.key);
  tell(services, call.caller.tenant, "datasets", dataset, "updated");
  return Json{{"dataset", dataset}, {"row", place}};
}

Json judge(const ResourceServices& services, const ActionCall& call) {
  if (services.traces->list({.tenant = call.caller.tenant, .filters = {{"id", call.id}}, .limit = 1}).items.empty())
    throw not_there("traces", call.id);
  return Json{{"id", keep_feedback(services, call.caller.tenant,
                                   {.trace = call.id,
                                    .name = text_input(call.inputs, "name"),
                                    .score = call.inputs.at("score").to_number<double>(),
                                    .comment = optional_text(call.inputs, "comment").value_or(""),
                                    .key = call.caller.key})}};
}

std::vector<ResourceAction> trace_actions(const ResourceServices& services) {
  const auto with_call = [services](auto work) {
    return [services, work](ActionCall call) {
      return on_cpu([services, work, call = std::move(call)] { return work(services, call); });
    };
  };
  return {{.name = "replay",
           .title = "Run again",
           .inputs = "program: Optional[str]",
           .scope = "invoke",
           .run = [services](ActionCall call) { return replay(services, std::move(call)); }},
          {.name = "to_dataset",
           .title = "Send to a dataset",
           .inputs = "dataset: str, outputs: Optional[dict[str, Any]]",
           .scope = "datasets:write",
           .run = with_call(to_dataset)},
          {.name = "feedback",
           .title = "Judge",
           .inputs = "name: str, score: float, comment: Optional[str]",
           .scope = "feedback:write",
           .run = with_call(judge)},
          {.name = "diff",
           .title = "Compare with another",
           .inputs = "other: str",
           .scope = "traces:read",
           .run = with_call([](const ResourceServices& held, const ActionCall& call) {
             return Json(trace_diff(require(*held.traces, call.caller, call.id),
                                    require(*held.traces, call.caller, text_input(call.inputs, "other"))));
           })},
          {.name = "remove",
           .needs_confirmation = true,
           .run = with_call([](const ResourceServices& held, const ActionCall& call) {
             if (!held.traces->remove(call.caller.tenant, call.id)) throw not_there("traces", call.id);
             tell(held, call.caller.tenant, "traces", call.id, "deleted");
             return Json{{"removed", call.id}};
           })}};
}

}  // namespace

Resource traces_resource(const ResourceServices& services) {
  const auto traces = services.traces;
  return {
      .name = "traces",
      .fields = {{.name = "id"},
                 {.name = "started_at", .type = "datetime", .title = "Started", .is_sortable = true},
                 {.name = "program"},
                 {.name = "version"},
                 {.name = "status", .type = "Literal['ok', 'error', 'unfinished']"},
                 {.name = "seconds", .type = "float", .is_sortable = true},
                 {.name = "cost", .type = "usd", .is_sortable = true},
                 {.name = "tokens", .type = "int", .is_sortable = true},
                 {.name = "spans", .type = "int"},
                 {.name = "inputs", .type = "json", .is_searchable = true},
                 {.name = "outputs", .type = "json", .is_searchable = true},
                 {.name = "error", .is_searchable = true},
                 {.name = "key"}},
      .relations = {{.field = "program", .to = "programs"}, {.field = "key", .to = "keys"}},
      .actions = trace_actions(services),
      .list =
          [traces](ResourceQuery query) {
            return on_cpu([traces, query = std::move(query)] {
              auto page = traces->list(query_of(query));
              return ResourcePage{.items = std::move(page.items), .next = std::move(page.next), .total = page.total};
            });
          },
      .get =
          [traces](Caller caller, std::string id) {
            return on_cpu(
                [traces, tenant = std::move(caller.tenant), id = std::move(id)] { return traces->get(tenant, id); });
          },
  };
}

}  // namespace dspy::server
