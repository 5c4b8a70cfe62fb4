#include "bulk/bulk_commands.hpp"
#include "dspy/base/file.hpp"
#include "dspy/bulk/queue/shared_limits.hpp"
#include "dspy/bulk/run.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/flow/flow.hpp"
#include "flows.hpp"
#include "stop_key.hpp"

#include <format>
#include <iostream>
#include <memory>
#include <utility>

namespace dspy::app {
namespace {

constexpr std::uintmax_t longest_program = std::uintmax_t{256} << 20;

void tell(const BulkProgress& progress) {
  const auto rate = progress.seconds > 0 ? static_cast<double>(progress.rows) / progress.seconds : 0;
  const auto rows = progress.rows + progress.resumed;
  std::cerr << std::format("dspy: {} rows ({} of them before): {} answered, {} failed, {} to retry; {:.1f} rows/s\n",
                           rows, progress.resumed, rows - progress.failed - progress.again, progress.failed,
                           progress.again, rate);
}

JsonObject to_json(const BulkReport& report) {
  JsonObject out{{"rows", report.rows},
                 {"resumed", report.resumed},
                 {"failed", report.failed},
                 {"again", report.again},
                 {"complete", report.is_complete},
                 {"seconds", report.seconds},
                 {"usage", dspy::to_json(report.usage)}};
  if (report.stopped) out["stopped"] = dspy::to_json(*report.stopped);
  return out;
}

}  // namespace

void BulkFlags::add_to(CLI::App& command) {
  constexpr auto group = "Bulk runs (with --inputs and --out)";
  auto* const folder = command.add_option("--out", out, "A folder for the results, the same for all shards");
  folder->group(group);
  const auto add = [&](CLI::Option* option) { return option->group(group)->needs(folder); };
  add(command.add_option("--shard", shard, "Which part of the inputs to run: INDEX/COUNT, counted from 0")
          ->capture_default_str());
  add(command.add_option("--shard-by", rule,
                         "How rows are divided: range (JSONL; the default there), row, or hash:FIELD, which keeps rows "
                         "of one value together"));
  auto* const resuming = add(command.add_flag("--resume", resume, "Resume a shard that was started"));
  add(command.add_flag("--retry-failed", retry_failed, "With --resume: also retry rows that failed permanently"))
      ->needs(resuming);
  add(command.add_option("--part-rows", part_rows, "Rows in a part file")->capture_default_str());
  add(command.add_option("--max-rows", max_rows, "End after so many rows"));
  add(command.add_option("--max-errors", max_errors, "Stop after this many rows have failed"));
  add(command.add_option(
      "--limits", limits,
      "redis://HOST:PORT/DB: the limits below apply to all shards that name the same server and folder together"));
  add(command.add_option("--requests-per-minute", requests_per_minute, "Of all shards together"));
  add(command.add_option("--tokens-per-minute", tokens_per_minute, "The same of tokens"));
  add(command.add_option("--budget-requests", budget_requests, "What all shards together may use"));
  add(command.add_option("--budget-tokens", budget_tokens, "The same of tokens"));
  add(command.add_option("--budget-usd", budget_usd, "The same in dollars, by the prices that are known"));
}

ReadyProgram ready_program(const ProgramFlags& program, const ModelFlags& model, const PolicyFlags& policy) {
  if (program.path.empty()) throw Error(Errc::bad_input, "name a program file");
  auto source = read_file(program.path, longest_program);
  if (auto loaded = read_flow(program.path, program, model, policy)) {
    auto signature = loaded->flow.signature();
    return {.program = std::move(loaded->flow), .signature = std::move(signature), .source = std::move(source)};
  }
  const auto file = program.load();
  auto predictor = program.make(program.choose(file), {.sampling = model.sampling, .policy = policy.make()});
  predictor.set_lm(model.make());
  auto signature = predictor.signature();
  return {.program = std::move(predictor), .signature = std::move(signature), .source = std::move(source)};
}

int run_shard(Program program, const Signature& signature, const std::string& source, const std::string& inputs,
              std::size_t concurrency, const BulkFlags& flags, bool json) {
  if (inputs.empty()) throw Error(Errc::bad_input, "--out needs --inputs FILE, the rows to run");
  const BulkJob job{
      .signature = signature, .version = program_version(program, source), .inputs = inputs, .out = flags.out};
  const SharedLimitOptions limits{.requests_per_minute = flags.requests_per_minute,
                                  .tokens_per_minute = flags.tokens_per_minute,
                                  .budget_requests = flags.budget_requests,
                                  .budget_tokens = flags.budget_tokens,
                                  .budget_nanodollars = to_nanodollars(flags.budget_usd)};
  if (flags.limits.empty() && limits.is_any())
    throw Error(Errc::bad_input,
                "limits shared by all shards need a server that keeps count: --limits redis://HOST:PORT");
  if (!flags.limits.empty()) {
    const auto shared = std::make_shared<SharedLimits>(flags.limits, job.version, limits);
    share_limits(program, shared);
  }
  const StopKey key;
  BulkOptions options{.shard = Shard::parse(flags.shard),
                      .resume = flags.resume,
                      .retry_failed = flags.retry_failed,
                      .concurrency = concurrency,
                      .part_rows = flags.part_rows,
                      .max_rows = flags.max_rows,
                      .call = {.stop = key.token()},
                      .progress = tell,
                      .progress_every = std::chrono::seconds(5)};
  if (!flags.rule.empty()) options.rule = ShardRule::parse(flags.rule);
  if (flags.max_errors != 0) options.max_errors = flags.max_errors;
  const auto report = run_bulk(program, job, options);
  if (json) print_json(to_json(report));
  if (report.stopped) std::cerr << "dspy: the run stopped early: " << report.stopped->what() << '\n';
  if (!report.stopped && report.again != 0)
    std::cerr << std::format("dspy: {} rows failed for temporary reasons; retry them with --resume\n", report.again);
  return report.is_complete ? exit_ok : exit_failed;
}

}  // namespace dspy::app
