#include "server/protocols/gateway.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/program_lm.hpp"

#include <algorithm>
#include <format>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::string_view model_scope = "model:";

[[noreturn]] void refuse_model(std::string_view name) {
  throw HttpError(403, Errc::authentication_failed,
                  std::format("this key may not use `{}`; it needs the scope `{}{}`", name, model_scope, name),
                  {.feature = "model"});
}

[[noreturn]] void tell_unknown(const Catalog& catalog, const Caller& caller, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& program : catalog.programs())
    if (may_use(caller, program->name)) names.push_back(program->name);
  for (const auto& model : catalog.models())
    if (may_use(caller, model->name)) names.push_back(model->name);
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
  if (!may_use(caller, name)) refuse_model(name);
  auto found = catalog_->model(name);
  if (!found) tell_unknown(*catalog_, caller, name);
  return found;
}

std::shared_ptr<LM> Gateway::lm(const Caller& caller, std::string_view name, std::optional<JsonObject> inputs) const {
  if (!may_use(caller, name)) refuse_model(name);
  if (auto program = catalog_->program(name)) return std::make_shared<ProgramLM>(std::move(program), std::move(inputs));
  const auto found = model(caller, name);
  if (inputs)
    throw Error(Errc::unsupported, std::format("`inputs` are for programs, and `{}` is a model", name),
                {.feature = "inputs"});
  if (!found->lm)
    throw Error(Errc::unsupported, std::format("`{}` writes no replies; it embeds or ranks texts", name),
                {.feature = "model"});
  return found->lm;
}

void Gateway::require(const Caller& caller, std::string_view model) const {
  if (options_.spending) options_.spending->require(caller, model);
}

void Gateway::record(const Caller& caller, std::string_view model, const Usage& usage) const {
  if (options_.spending) options_.spending->record(caller, model, usage);
}

void tell_cost(HttpResponse& response, const Usage& usage) {
  if (const auto cost = dollars(usage)) response.headers.set("dspy-cost", std::format("{}", *cost));
}

}  // namespace dspy::server
