#include "server/protocols/gateway.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/middleware/guarded.hpp"
#include "dspy/lm/prices.hpp"
#include "server/protocols/common.hpp"
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
                std::format("`{}` is a program, and only a model can be asked this; ask the program at "
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

std::shared_ptr<LM> Gateway::lm(const Caller& caller, std::string_view name, std::optional<JsonObject> inputs) const {
  if (auto program = may_use(caller, name) ? catalog_->program(name) : nullptr) {
    CallContext around{.budget = charge(caller)};
    if (options_.trace)
      around.trace = options_.trace({.id = random_id(),
                                     .tenant = caller.tenant,
                                     .program = program->name,
                                     .version = program->version,
                                     .key = caller.key});
    return std::make_shared<ProgramLM>(std::move(program), std::move(inputs), std::move(around));
  }
  const auto found = model(caller, name);
  if (inputs)
    throw Error(Errc::unsupported, std::format("`inputs` are for programs, and `{}` is a model", name),
                {.feature = "inputs"});
  if (!found->lm)
    throw Error(Errc::unsupported, std::format("`{}` writes no replies; it embeds or ranks texts", name),
                {.feature = "model"});
  auto budget = charge(caller);
  return budget ? budgeted(std::move(budget), builtin_prices())(found->lm) : found->lm;
}

void tell_cost(HttpResponse& response, const Usage& usage) {
  if (const auto cost = dollars(usage)) response.headers.set("dspy-cost", std::format("{}", *cost));
}

}  // namespace dspy::server
