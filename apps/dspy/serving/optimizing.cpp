#include "serving/optimizing.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/optimize/kernel/report.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"
#include "measuring/optimizer_choice.hpp"
#include "serving/data_parts.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

using namespace server;

std::optional<std::string> text_of(const JsonObject& settings, std::string_view name) {
  const auto* const value = settings.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(view(value->get_string()));
}

constexpr std::uint64_t most_count = std::numeric_limits<std::int32_t>::max();

std::optional<std::uint64_t> count_of(const JsonObject& settings, std::string_view name, std::uint64_t least,
                                      std::uint64_t most = most_count) {
  const auto* const value = settings.if_contains(name);
  if (value == nullptr) return std::nullopt;
  const auto number = value->to_number<std::int64_t>();
  if (number < static_cast<std::int64_t>(least) || number > static_cast<std::int64_t>(most))
    throw Error(Errc::bad_input, std::format("`{}` must be a whole number from {} to {}", name, least, most),
                {.invalid = {std::string(name)}});
  return static_cast<std::uint64_t>(number);
}

OptimizerChoice choice_of(const JsonObject& settings) {
  OptimizerChoice out;
  out.optimizer = text_of(settings, "optimizer").value_or(out.optimizer);
  out.metric = text_of(settings, "metric").value_or(out.metric);
  out.field = text_of(settings, "field").value_or("");
  out.effort = text_of(settings, "effort").value_or(out.effort);
  out.candidates = count_of(settings, "candidates", least_candidates, most_candidates).value_or(out.candidates);
  out.seed = count_of(settings, "seed", 0).value_or(0);
  return out;
}

/// A command that a client names would run as the server's user.
void require_no_command(const OptimizerChoice& choice) {
  if (!choice.optimizer.contains("finetune")) return;
  throw Error(
      Errc::bad_input,
      "`finetune` trains by a command, which cannot be named over HTTP; run `dspy optimize --optimizer finetune` "
      "on the server's machine",
      {.invalid = {"optimizer"}});
}

/// What optimizers ask beside the program, such as proposals, no budget counts.
void require_no_budget(const DataParts& parts, const Caller& caller) {
  if (!parts.keys || caller.key.empty()) return;
  const auto key = parts.keys->find(caller.tenant, caller.key);
  if (key && key->limits.has_budget())
    throw HttpError(403, Errc::authentication_failed,
                    "a key with a budget may not start an optimizer, because not all of its requests could be counted");
}

std::shared_ptr<const ServedProgram> program_of(const DataParts& parts, const Catalog& catalog, const Caller& caller,
                                                const std::string& name) {
  if (!may_use(caller, name) || (parts.keys && !parts.keys->may_ask(caller, name)))
    throw HttpError(403, Errc::authentication_failed, std::format("this key may not use `{}`", name.substr(0, 100)));
  auto out = catalog.program(name);
  if (!out) throw HttpError(404, Errc::bad_input, std::format("the program `{}` is not served", name.substr(0, 100)));
  return out;
}

std::vector<Example> examples_of(const Workspace& workspace, const Caller& caller, const std::string& dataset,
                                 const Signature& signature) {
  const auto path = workspace.path(caller.tenant, "datasets", dataset, ".jsonl");
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code))
    throw HttpError(404, Errc::bad_input, std::format("the dataset `{}` does not exist", dataset));
  return read_dataset(path, {.signature = &signature});
}

/// A program that came from a registry is a new version of it, which no alias names yet.
JsonObject add_version(const std::filesystem::path& registry, const ServedProgram& served, const ProgramFile& best,
                       const optimize::Report& report, const std::string& dataset) {
  std::error_code code;
  const auto colon = served.version.find(':');
  if (!report.stopped.empty() || best.predictors.size() != 1 || !served.source.starts_with("registry:") ||
      colon == std::string::npos || !std::filesystem::is_regular_file(registry, code))
    return {};
  const auto name = served.version.substr(0, colon);
  const auto made = Registry(registry).add(name, best,
                                           {.optimizer = best.optimizer,
                                            .data = dataset,
                                            .score = report.score(),
                                            .metric = report.metric,
                                            .examples = report.examples,
                                            .requests = report.usage.requests,
                                            .tokens = report.usage.total_tokens().value_or(0)});
  return {{"version", std::format("{}:{}", made.name, made.number)}};
}

OptimizationWork prepare(const DataFlags& flags, const DataParts& parts, const Catalog& catalog, const Caller& caller,
                         const JsonObject& settings) {
  require_no_budget(parts, caller);
  const Workspace workspace(flags.workspace);
  const auto served = program_of(parts, catalog, caller, text_of(settings, "program").value_or(""));
  const auto dataset = text_of(settings, "dataset").value_or("");
  const auto choice = choice_of(settings);
  require_no_command(choice);
  OptimizationWork out{.student = served->program};
  out.optimizer = optimizer_of(choice, metric_of(choice, served->signature));
  auto& training = out.training;
  training.trainset = examples_of(workspace, caller, dataset, served->signature);
  if (const auto held_out = text_of(settings, "valset")) {
    training.valset = examples_of(workspace, caller, *held_out, served->signature);
  } else if (training.trainset.size() > 1) {
    const auto* const given = settings.if_contains("val_share");
    const auto share = given != nullptr ? given->to_number<double>() : 0.5;
    if (!(share > 0 && share < 1))
      throw Error(Errc::bad_input, "`val_share` must lie between 0 and 1", {.invalid = {"val_share"}});
    std::tie(training.valset, training.trainset) = split(std::move(training.trainset), share, choice.seed);
  }
  training.search.limits.requests = count_of(settings, "max_requests", 1);
  // Other requests have to be answered beside it.
  constexpr std::size_t at_once = 8;
  training.search.concurrency = at_once;
  const auto registry = caller.tenant.empty() && !flags.registry.empty()
                            ? std::filesystem::path(flags.registry)
                            : workspace.of(caller.tenant) / "registry.sqlite";
  out.keep = [registry, served, dataset](const ProgramFile& best, const optimize::Report& report) {
    return add_version(registry, *served, best, report, dataset);
  };
  return out;
}

}  // namespace

std::shared_ptr<OptimizationRunner> optimization_runner(const DataFlags& flags, const DataParts& parts,
                                                        std::shared_ptr<const Catalog> catalog) {
  if (flags.workspace.empty()) return nullptr;
  OptimizationOptions options{
      .prepare = [flags, parts, catalog = std::move(catalog)](
                     const Caller& caller,
                     const JsonObject& settings) { return prepare(flags, parts, *catalog, caller, settings); },
      .on_change = [changes = parts.changes](
                       const std::string& tenant, const std::string& id,
                       const std::string& change) { changes->tell(tenant, "optimizations", id, change); }};
  return std::make_shared<OptimizationRunner>(Workspace(flags.workspace), std::move(options));
}

}  // namespace dspy::app
