#include "server/protocols/gateway.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/prices.hpp"
#include "dspy/server/programs/splits.hpp"
#include "server/programs/program_call.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/model_call.hpp"
#include "server/protocols/program_lm.hpp"
#include "server/random_id.hpp"

#include <algorithm>
#include <format>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::string_view model_scope = "model:";

[[noreturn]] void tell_unknown(const Gateway& gateway, const Caller& caller, std::string_view name) {
  const auto& catalog = gateway.catalog();
  if (catalog.program(name))
    throw Error(Errc::unsupported,
                std::format("`{}` is a program, and this endpoint is only for models; call the program at "
                            "/v1/chat/completions or /v1/programs/{}",
                            name, name),
                {.feature = "model"});
  std::vector<std::string> names;
  for (const auto& program : catalog.programs())
    if (gateway.may_use(caller, program->name)) names.push_back(program->name);
  for (const auto& model : catalog.models())
    if (gateway.may_use(caller, model->name)) names.push_back(model->name);
  const auto near = text::nearest(name, names);
  throw HttpError(404, Errc::model_not_found,
                  std::format("no program or model `{}` is served here{}; /v1/models lists those there are",
                              shown(name.substr(0, 100)), near ? std::format(" (did you mean `{}`?)", *near) : ""),
                  {.feature = "model"});
}

}  // namespace

bool may_use(const Caller& caller, std::string_view model) noexcept {
  bool is_limited = false;
  for (const std::string_view scope : caller.scopes) {
    if (!scope.starts_with(model_scope)) continue;
    is_limited = true;
    const auto named = scope.substr(model_scope.size());
    if (named == model || (named.ends_with('*') && model.starts_with(named.substr(0, named.size() - 1)))) return true;
  }
  return !is_limited;
}

std::shared_ptr<const ServedModel> Gateway::model(const Caller& caller, std::string_view name) const {
  if (!may_use(caller, name))
    throw HttpError(403, Errc::authentication_failed,
                    std::format("this key may not use `{}`; /v1/models lists what it may", shown(name.substr(0, 100))),
                    {.feature = "model"});
  auto found = catalog_->model(name);
  if (!found) tell_unknown(*this, caller, name);
  return found;
}

bool Gateway::may_use(const Caller& caller, std::string_view name) const {
  return server::may_use(caller, name) && (!options_.spending || options_.spending->may_use(caller, name));
}

std::shared_ptr<Budget> Gateway::charge(const Caller& caller) const {
  return options_.spending ? options_.spending->charge(caller) : nullptr;
}

std::shared_ptr<Trace> Gateway::trace(const Caller& caller, std::string name, std::string version,
                                      const Stamp& stamp) const {
  if (!options_.trace) return nullptr;
  return options_.trace({.id = stamp.trace_id,
                         .tenant = caller.tenant,
                         .program = std::move(name),
                         .version = std::move(version),
                         .key = caller.key});
}

std::shared_ptr<LM> Gateway::program_lm(const HttpRequest& request, std::string_view name,
                                        std::optional<JsonObject> inputs, Stamp& stamp) const {
  const auto asking = asking_of(request, std::string(name));
  auto chosen = options_.splits ? options_.splits->choose(*catalog_, name, asking.unit, asking.caller.tenant)
                                : Splits::Chosen{.program = catalog_->program(name)};
  if (!chosen.program) return nullptr;
  stamp.experiment = chosen.experiment;
  stamp.arm = chosen.arm;
  CallContext around{.budget = charge(request.caller),
                     .trace = trace(request.caller, chosen.program->name, chosen.program->version, stamp),
                     .remote_parent = remote_parent_of(request)};
  auto on_run = telling(options_.on_exposure, chosen, asking, stamp.trace_id);
  return std::make_shared<ProgramLM>(std::move(chosen.program), std::move(inputs), std::move(around),
                                     std::move(on_run));
}

std::shared_ptr<LM> Gateway::lm(const HttpRequest& request, std::string_view name, std::optional<JsonObject> inputs,
                                Stamp& stamp) const {
  const auto& caller = request.caller;
  stamp.trace_id = random_id();
  if (may_use(caller, name)) {
    if (auto program = program_lm(request, name, inputs, stamp)) return program;
  }
  const auto found = model(caller, name);
  if (inputs)
    throw Error(Errc::unsupported, std::format("`inputs` are for programs, and `{}` is a model", name),
                {.feature = "inputs"});
  if (!found->lm)
    throw Error(Errc::unsupported, std::format("`{}` writes no replies; it embeds or ranks texts", name),
                {.feature = "model"});
  auto budget = charge(caller);
  auto lm = budget ? budgeted(std::move(budget), builtin_prices())(found->lm) : found->lm;
  return traced(std::move(lm), trace(caller, std::string(name), "", stamp));
}

void tell_trace(HttpResponse& response, const Stamp& stamp) {
  if (!stamp.trace_id.empty()) response.headers.set("dspy-trace-id", stamp.trace_id);
}

void tell_cost(HttpResponse& response, const Usage& usage) {
  if (const auto cost = dollars(usage)) response.headers.set("dspy-cost", std::format("{}", *cost));
}

}  // namespace dspy::server
