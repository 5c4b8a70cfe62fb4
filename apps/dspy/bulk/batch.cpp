#ifdef DSPY_WITH_PROVIDERS

#include "dspy/bulk/batch/batch.hpp"

#include "bulk/bulk_commands.hpp"
#include "dspy/base/file.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/config/config.hpp"
#include "dspy/flow/flow.hpp"
#include "dspy/lm/lm.hpp"

#include <cstdint>
#include <cstdlib>
#include <format>
#include <memory>
#include <string>
#include <utility>

namespace dspy::app {
namespace {

struct BatchFlags {
  ProgramFlags program;
  ModelFlags model;
  PolicyFlags policy;
  std::string inputs;
  std::string out;
  ProviderBatchOptions batch;
  bool json = false;
};

/// The LM that the flags name, as `make_lm` finds it, over this transport.
std::shared_ptr<LM> chosen_lm(const std::string& given, std::shared_ptr<http::Transport> transport) {
  const auto config = Config::load();
  auto name = given;
  if (name.empty()) {
    if (const char* from_environment = std::getenv("DSPY_MODEL")) name = from_environment;
  }
  if (name.empty()) name = config.default_lm();
  const auto found = config.lms().find(name);
  if (found == config.lms().end()) return provider_lm(name, {}, std::move(transport));
  return provider_lm(Config::uri(found->second), config.key(name), std::move(transport));
}

Program make_program(const BatchFlags& flags, std::shared_ptr<http::Transport> transport, Signature& signature) {
  const auto lm = chosen_lm(flags.model.model, std::move(transport));
  const auto with_lm = [&](Program program) {
    program.for_each_predictor([&](const std::string&, Predictor& predictor) { predictor.set_lm(lm); });
    return program;
  };
  if (is_flow(read_text(flags.program.path, std::uintmax_t{256} << 20))) {
    auto flow = load_flow(flags.program.path, {.accept_changed = flags.program.accept_changed}).flow;
    signature = flow.signature();
    flow.for_each_predictor([&](const std::string&, Predictor& predictor) {
      predictor.set_sampling(flags.model.sampling.over(predictor.sampling()));
      predictor.set_policy(flags.policy.make());
    });
    return with_lm(std::move(flow));
  }
  const auto file = flags.program.load();
  auto predictor =
      flags.program.make(flags.program.choose(file), {.sampling = flags.model.sampling, .policy = flags.policy.make()});
  signature = predictor.signature();
  return with_lm(std::move(predictor));
}

int tell(const BatchReport& report, bool json, bool has_run) {
  if (json) {
    JsonArray batches;
    for (const auto& batch : report.batches)
      batches.push_back(JsonObject{
          {"id", batch.id}, {"state", batch.state}, {"requests", batch.count}, {"provider_says", batch.said}});
    JsonObject out{{"batches", std::move(batches)}, {"waiting", report.waiting}};
    if (has_run) {
      out["unsent"] = report.unsent;
      out["rows"] = report.rows.rows + report.rows.resumed - report.rows.again;
      out["failed"] = report.rows.failed;
      out["complete"] = report.rows.is_complete;
    }
    print_json(out);
  } else {
    for (const auto& batch : report.batches)
      print_line(std::format("batch {}: {} requests, {}{}", batch.id.empty() ? "(no id)" : batch.id, batch.count,
                             batch.state, batch.said.empty() ? "" : " (" + batch.said + ")"));
    if (has_run)
      print_line(std::format("{} rows answered, {} failed, {} pending",
                             report.rows.rows + report.rows.resumed - report.rows.again, report.rows.failed,
                             report.rows.again));
    if (report.unsent != 0)
      print_line(std::format("{} requests are in no batch yet: `dspy batch submit` sends them", report.unsent));
  }
  if (report.rows.stopped) throw *report.rows.stopped;
  return exit_ok;
}

int run_verb(const BatchFlags& flags, BatchReport (BatchRun::*verb)(), bool runs) {
  Signature signature;
  const auto make = [&](std::shared_ptr<http::Transport> transport) {
    return make_program(flags, std::move(transport), signature);
  };
  const auto version = program_version(make(nullptr), read_file(flags.program.path, std::uintmax_t{256} << 20));
  BatchRun run(make, {.signature = signature, .version = version, .inputs = flags.inputs, .out = flags.out},
               flags.batch);
  return tell((run.*verb)(), flags.json, runs);
}

}  // namespace

void add_batch(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<BatchFlags>();
  auto* command =
      app.add_subcommand("batch", "Run a saved program over a provider's batch API: slower, at half the price");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, BatchReport (BatchRun::*verb)(), bool runs) {
    auto* sub = command->add_subcommand(name, what);
    sub->add_option("program", flags->program.path, "A program file or a flow")->required();
    sub->add_option("--inputs", flags->inputs, "The rows: .jsonl, .json or .csv")->required();
    sub->add_option("--out", flags->out, "The run's folder, as for `dspy bulk merge`")->required();
    sub->add_flag("--json", flags->json, "Print {\"batches\", \"waiting\", \"unsent\", \"rows\", …}");
    if (runs) {
      sub->add_option("--batch-requests", flags->batch.max_requests, "Requests in one batch")->capture_default_str();
      sub->add_flag("--submit-again", flags->batch.submits_again,
                    "Abandon batches that the provider may not have, or no longer has");
    }
    flags->program.add_to(*sub);
    flags->model.add_to(*sub);
    flags->policy.add_to(*sub);
    sub->callback([flags, &plan, verb, runs] { plan = [flags, verb, runs] { return run_verb(*flags, verb, runs); }; });
  };
  add("submit", "Send the requests that have no reply yet", &BatchRun::submit, true);
  add("status", "Show the progress of the batches", &BatchRun::status, false);
  add("collect", "Fetch the replies, and run the rows with them", &BatchRun::collect, true);
}

}  // namespace dspy::app

#endif
