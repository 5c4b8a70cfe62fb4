#include "dspy/bulk/queue/worker.hpp"

#include "bulk/bulk_commands.hpp"
#include "dspy/bulk/queue/fleet_rollouts.hpp"
#include "dspy/bulk/queue/row_queue.hpp"
#include "dspy/bulk/queue/shared_limits.hpp"
#include "dspy/bulk/version.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "flags/log_flags.hpp"
#include "stop_key.hpp"

#include <chrono>
#include <cstdint>
#include <format>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct WorkerFlags {
  ProgramFlags program;
  ModelFlags model;
  PolicyFlags policy;
  std::string queue;
  std::string put;
  RedisQueueOptions redis;
  WorkerOptions worker;
  SharedLimitOptions limits;
  LogFlags log;
  double patience = 60, outage = 30;
  std::optional<double> budget_usd;
  bool rollouts = false;
  bool json = false;
};

void tell(const BulkProgress& progress) {
  std::cerr << std::format(
      "dspy: {} rows answered, {} answered before, {} failed, {} returned to the queue to be retried\n", progress.rows,
      progress.resumed, progress.failed, progress.again);
}

int put_rows(const WorkerFlags& flags) {
  std::vector<std::string> rows;
  each_row(flags.put, nullptr, [&](DataRow row) {
    if (!row.problem.empty())
      throw Error(Errc::bad_input, std::format("{}:{}: the row {}", flags.put, row.line, row.problem));
    rows.push_back(to_text(row.values));
  });
  enqueue(flags.queue, flags.redis.name, rows);
  print_line(std::format("{} rows put into the queue `{}`", rows.size(), flags.redis.name));
  return exit_ok;
}

int work(WorkerFlags flags) {
  flags.log.begin();
  if (!flags.put.empty()) return put_rows(flags);
  flags.redis.patience = std::chrono::milliseconds(static_cast<std::int64_t>(flags.patience * 1000));
  flags.limits.budget_nanodollars = to_nanodollars(flags.budget_usd);
  flags.redis.outage = flags.limits.outage = std::chrono::milliseconds(static_cast<std::int64_t>(flags.outage * 1000));
  auto ready = ready_program(flags.program, flags.model, flags.policy);
  const auto version = flags.rollouts ? std::string(rollout_version) : program_version(ready.program, ready.source);
  if (flags.limits.is_any()) {
    const auto shared = std::make_shared<SharedLimits>(flags.queue, flags.redis.name, flags.limits);
    share_limits(ready.program, shared);
  }
  if (flags.rollouts) ready.program = rollout_program(std::move(ready.program));
  const auto queue = redis_queue(flags.queue, flags.redis);
  const StopKey key;
  flags.worker.call.stop = key.token();
  flags.worker.progress = tell;
  flags.worker.progress_every = std::chrono::seconds(5);
  const auto report = run_worker(ready.program, version, *queue, flags.worker);
  if (flags.json)
    print_json({{"rows", report.rows},
                {"resumed", report.resumed},
                {"failed", report.failed},
                {"again", report.again},
                {"usage", dspy::to_json(report.usage)}});
  if (report.stopped) std::cerr << "dspy: the worker ended: " << report.stopped->what() << '\n';
  return report.stopped && report.stopped->code() != Errc::cancelled ? exit_failed : exit_ok;
}

}  // namespace

void add_worker(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<WorkerFlags>();
  auto* command = app.add_subcommand("worker", "Run a saved program on the rows of a queue that several workers share");
  command->add_option("program", flags->program.path, "A program file or a flow");
  command->add_option("--queue", flags->queue, "redis://HOST:PORT/DB of a Redis (6.2 or newer) or Valkey server")
      ->required();
  command
      ->add_option("--name", flags->redis.name,
                   "The stream; answers and errors go to NAME:out, rows that failed too often to NAME:dead")
      ->capture_default_str();
  command->add_option("--group", flags->redis.group, "The consumer group")->capture_default_str();
  command->add_option("--put", flags->put, "Put the rows of this file (.jsonl, .json, .csv) into the queue, and exit");
  command->add_option("-j,--concurrency", flags->worker.concurrency, "Rows under way at once")->capture_default_str();
  command->add_flag("--until-empty", flags->worker.until_empty, "End when no row is left");
  command->add_option("--patience", flags->patience, "Seconds after which the rows of a dead worker go to another")
      ->capture_default_str();
  command->add_option("--outage", flags->outage, "Seconds for which the server may be unreachable")
      ->capture_default_str();
  command
      ->add_option("--max-deliveries", flags->worker.max_deliveries, "A row that was delivered more often is set aside")
      ->capture_default_str();
  command->add_option("--requests-per-minute", flags->limits.requests_per_minute, "Of all workers together");
  command->add_option("--tokens-per-minute", flags->limits.tokens_per_minute, "The same of tokens");
  command->add_option("--budget-requests", flags->limits.budget_requests, "What all workers together may use");
  command->add_option("--budget-tokens", flags->limits.budget_tokens, "The same of tokens");
  command->add_option("--budget-usd", flags->budget_usd, "The same in dollars, by the prices that are known");
  command->add_flag("--rollouts", flags->rollouts, "The rows are runs of `dspy optimize --fleet` with this program");
  command->add_flag("--json", flags->json,
                    "Print {\"rows\", \"resumed\", \"failed\", \"again\", \"usage\"} at the end");
  flags->program.add_to(*command);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  flags->log.add_to(*command);
  command->callback([flags, &plan] { plan = [flags] { return work(*flags); }; });
}

}  // namespace dspy::app
