#include "server/programs/program_call.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"
#include "server/deadline.hpp"
#include "server/random_id.hpp"
#include "server/traced_error.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

[[noreturn]] void no_program(const ProgramContext& context, const Caller& caller, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& each : context.catalog->programs())
    if (may_use(context.options, caller, each->name)) names.push_back(each->name);
  const auto near = text::nearest(name, names);
  throw HttpError(404, Errc::bad_input,
                  near ? std::format("there is no program `{}`; did you mean `{}`?", name, *near)
                       : std::format("there is no program `{}`; GET /v1/programs lists those there are", name));
}

JsonObject usage_json(const Usage& usage) {
  auto out = to_json(usage);
  if (usage.cost_nanodollars) out["cost"] = static_cast<double>(*usage.cost_nanodollars) / 1e9;
  return out;
}

}  // namespace

std::string unit_of(const HttpRequest& request) {
  if (const auto user = request.headers.find("X-User"); user && !user->empty()) return std::string(*user);
  return request.caller.key.empty() ? request.peer : request.caller.key;
}

JsonObject answer_json(const ProgramCall& call, const Prediction& prediction, std::chrono::duration<double> time) {
  JsonArray flags;
  for (const auto& flag : prediction.flags) flags.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  JsonObject out = {{"outputs", prediction.data},      {"usage", usage_json(prediction.usage())},
                    {"version", call.served->version}, {"trace_id", call.trace_id},
                    {"flags", std::move(flags)},       {"seconds", time.count()}};
  if (!prediction.violations.empty()) out["violations"] = to_json(prediction.violations);
  if (!call.experiment.empty()) {
    out["experiment"] = call.experiment;
    out["arm"] = call.arm;
  }
  if (call.log) {
    JsonArray spans;
    for (auto& span : call.log->spans()) spans.emplace_back(std::move(span));
    out["trace"] = std::move(spans);
  }
  return out;
}

JsonObject object_member(const JsonObject& body, std::string_view name, bool is_required) {
  const auto* const value = body.if_contains(name);
  if (value == nullptr || (value->is_null() && !is_required)) {
    if (!is_required) return {};
    throw Error(Errc::bad_input, std::format("the body has no `{}`; send {{\"inputs\": {{…}}}}", name),
                {.missing = {std::string(name)}});
  }
  if (!value->is_object())
    throw Error(Errc::bad_input, std::format("`{}` must be an object", name), {.invalid = {std::string(name)}});
  return value->get_object();
}

void require_known(const JsonObject& object, std::initializer_list<std::string_view> names, std::string_view where,
                   std::string_view prefix) {
  for (const auto& member : object) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::ranges::find(names, key) != names.end()) continue;
    std::vector<std::string> known;
    for (const auto name : names) known.emplace_back(name);
    throw Error(Errc::bad_input,
                std::format("{} has no `{}`; it takes {}", where, key, text::enumerate(known, "`", "and")),
                {.invalid = {std::format("{}{}", prefix, key)}});
  }
}

bool may_use(const ProgramsOptions& options, const Caller& caller, std::string_view name) {
  return may_use(caller, name) && (!options.may_use || options.may_use(caller, name));
}

void require_may_use(const ProgramsOptions& options, const Caller& caller, std::string_view name) {
  if (may_use(options, caller, name)) return;
  throw HttpError(403, Errc::authentication_failed, std::format("this key may not use `{}`", name.substr(0, 100)));
}

std::shared_ptr<const ServedProgram> require_program(const ProgramContext& context, const Caller& caller,
                                                     const std::string& name) {
  require_may_use(context.options, caller, name);
  auto out = context.catalog->program(name);
  if (!out) no_program(context, caller, name);
  return out;
}

std::shared_ptr<const TraceContext> remote_parent_of(const HttpRequest& request) {
  const auto parent = request.headers.find("traceparent");
  if (!parent) return nullptr;
  auto context = read_trace_context(*parent, request.headers.find("tracestate").value_or(""));
  return context ? std::make_shared<const TraceContext>(*std::move(context)) : nullptr;
}

Asking asking_of(const HttpRequest& request, std::string program) {
  return {.program = std::move(program),
          .caller = request.caller,
          .unit = unit_of(request),
          .stop = request.stop,
          .deadline = request.deadline,
          .remote_parent = remote_parent_of(request)};
}

Splits::Chosen choose(const ProgramContext& context, const Asking& asking) {
  return context.options.splits->choose(*context.catalog, asking.program, asking.unit, asking.caller.tenant);
}

std::function<void()> telling(const std::function<void(Exposure exposure)>& tell, const Splits::Chosen& chosen,
                              const Asking& asking, const std::string& trace_id) {
  if (!chosen.is_recorded || !tell) return {};
  return [tell, exposure = Exposure{.tenant = asking.caller.tenant,
                                    .experiment = chosen.experiment,
                                    .arm = chosen.arm,
                                    .unit = asking.unit,
                                    .trace = trace_id}] { tell(exposure); };
}

ProgramCall prepare(const ProgramContext& context, const Asking& asking, JsonObject inputs, const JsonObject& wishes) {
  const auto& options = context.options;
  require_may_use(options, asking.caller, asking.program);
  const auto chosen = choose(context, asking);
  if (!chosen.program) no_program(context, asking.caller, asking.program);
  auto trace_id = random_id();
  auto on_run = telling(options.on_exposure, chosen, asking, trace_id);
  ProgramCall out{.served = chosen.program,
                  .program = chosen.program->program,
                  .inputs = checked_inputs(chosen.program->signature, std::move(inputs)),
                  .trace_id = std::move(trace_id),
                  .experiment = chosen.experiment,
                  .arm = chosen.arm,
                  .log = {},
                  .stop = asking.stop,
                  .deadline = asking.deadline,
                  .on_run = std::move(on_run)};
  const auto wanted = apply_wishes(wishes, *context.catalog, options, asking.caller, out.program);
  CallContext around{.remote_parent = asking.remote_parent};
  if (options.trace)
    around.trace = options.trace({.id = out.trace_id,
                                  .tenant = asking.caller.tenant,
                                  .program = out.served->name,
                                  .version = out.served->version,
                                  .key = asking.caller.key});
  if (wanted.wants_trace) {
    out.log = std::make_shared<TraceLog>();
    around.trace = around.trace ? both(around.trace, out.log) : out.log;
  }
  if (options.charge) {
    // The budget that the calls have is what keeps the charge: `keeps` of a context is for stop tokens.
    const auto held = std::make_shared<CallCharge>(options.charge(asking.caller));
    if (held->keeps && !held->budget) held->budget = std::make_shared<Budget>(Budget::Limits{});
    if (held->budget) around.budget = std::shared_ptr<Budget>(held, held->budget.get());
  }
  if (around.trace || around.budget || around.remote_parent) out.program = with_context(std::move(out.program), around);
  return out;
}

Async<JsonObject> run_call(ProgramCall call, FieldSink sink, std::shared_ptr<dspy::Gate> pace) {
  const auto begun = std::chrono::steady_clock::now();
  if (call.on_run) call.on_run();
  Run how{.options = {.deadline = call.deadline, .stop = call.stop, .pace = std::move(pace)}, .sink = std::move(sink)};
  try {
    const auto prediction = co_await call.program.run(std::move(call.inputs), std::move(how));
    co_return answer_json(call, prediction, std::chrono::steady_clock::now() - begun);
  } catch (const Error& error) {
    const auto late = overdue(error, call.deadline);
    throw with_trace(late ? *late : error, call.trace_id);
  }
}

}  // namespace dspy::server
