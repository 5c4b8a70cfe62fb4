#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/bulk/queue/fleet_rollouts.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "flows.hpp"
#include "measuring/metric_choice.hpp"
#include "measuring/optimizer_choice.hpp"
#include "measuring/option_reader.hpp"
#include "measuring/search_view.hpp"
#include "measuring/writable.hpp"
#include "stop_key.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <format>
#include <iostream>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace dspy::app {
namespace {

struct OptimizeFlags {
  ProgramFlags program;
  ModelFlags model;
  PolicyFlags policy;
  std::string data;
  std::string val;
  double val_share = 0.5;
  OptimizerChoice choice;
  std::string out;
  std::string report;
  std::string adapter = "field";
  std::vector<std::string> options;
  double token_price = 0;
  double time_price = 0;
  double failure_score = 0;
  std::optional<std::uint64_t> max_requests;
  std::optional<std::uint64_t> max_tokens;
  std::optional<std::uint64_t> max_runs;
  std::optional<double> max_dollars;
  std::optional<double> time_limit;
  std::size_t jobs = 32;
  std::string judge_model;
  std::string fleet;
  std::string fleet_name = "dspy";
  bool resume = false;
  bool json = false;
};

/// The program of a file: one predictor of it, or all of a flow.
struct Student {
  ProgramFile file;
  std::string path;  ///< Of the predictor.
  std::optional<Flow> flow;
  std::optional<Predictor> predictor;

  Signature signature() const { return flow ? flow->signature() : predictor->signature(); }
  Program program() const { return flow ? Program(*flow) : Program(*predictor); }
  /// Of its first predictor.
  std::shared_ptr<LM> lm() const {
    std::shared_ptr<LM> out;
    program().for_each_predictor([&](const std::string&, const Predictor& each) { out = out ? out : each.lm(); });
    return out;
  }
};

/// A signature that nobody has saved a program of.
Student new_student(const OptimizeFlags& flags, const Signature& signature) {
  Student out{.file = {}, .path = "self", .flow = {}, .predictor = {}};
  out.predictor.emplace(signature, PredictorOptions{.lm = flags.model.make(),
                                                    .adapter = adapter(flags.adapter),
                                                    .sampling = flags.model.sampling,
                                                    .policy = flags.policy.make()});
  out.file = to_program_file(*out.predictor);
  return out;
}

Student student_of(const OptimizeFlags& flags) {
  std::error_code code;
  if (flags.program.path.contains("->") && !std::filesystem::exists(flags.program.path, code))
    return new_student(flags, Signature::parse(flags.program.path));
  if (auto loaded = read_flow(flags.program.path, flags.program, flags.model, flags.policy))
    return {.file = std::move(loaded->file), .path = {}, .flow = std::move(loaded->flow), .predictor = {}};
  Student out{.file = flags.program.load(), .path = {}, .flow = {}, .predictor = {}};
  const auto& saved = flags.program.choose(out.file);
  out.path = saved.path;
  out.predictor = flags.program.make(saved, {.sampling = flags.model.sampling, .policy = flags.policy.make()});
  out.predictor->set_lm(flags.model.make());
  return out;
}

void save_best(Student& student, const Program& best, const std::string& out) {
  if (student.flow) return save_flow(optimize::with_prompts_of(best, *student.flow), out, std::move(student.file));
  best.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    for (auto& each : student.file.predictors) {
      if (each.path == student.path) each = to_saved(each.path, predictor, each);
    }
  });
  save_program(out, student.file);
}

SearchOptions search_of(const OptimizeFlags& flags) {
  SearchOptions out{.concurrency = flags.jobs,
                    .limits = {.requests = flags.max_requests, .tokens = flags.max_tokens, .rollouts = flags.max_runs},
                    .failure_score = flags.failure_score,
                    .price = {.per_1000_tokens = flags.token_price, .per_second = flags.time_price},
                    .on_event = live_view()};
  if (flags.max_dollars) out.limits.nanodollars = std::llround(*flags.max_dollars * 1e9);
  if (flags.time_limit) {
    out.deadline = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                          std::chrono::duration<double>(*flags.time_limit));
  }
  if (!flags.fleet.empty()) out.backend = redis_rollouts(flags.fleet, {.name = flags.fleet_name});
  return out;
}

Training read_training(const OptimizeFlags& flags, const Signature& signature) {
  const auto& name = flags.choice.field.empty() ? signature.outputs.back().name : flags.choice.field;
  const auto* const output = flags.choice.metric == "judge" ? nullptr : signature.find(name);
  const auto read = [&](const std::string& path) {
    auto examples = read_dataset(path, {.signature = &signature});
    if (output != nullptr) require_declared_labels(examples, *output, path);
    return examples;
  };
  Training out{.trainset = read(flags.data)};
  if (!flags.val.empty())
    out.valset = read(flags.val);
  else if (out.trainset.size() > 1)
    std::tie(out.valset, out.trainset) = split(std::move(out.trainset), flags.val_share, flags.choice.seed);
  return out;
}

int run_optimize(const OptimizeFlags& flags) {
  require_writable(flags.out);
  if (!flags.report.empty()) require_writable(flags.report);
  constexpr std::array screened = {"random-search", "copro", "infer-rules"};
  if ((flags.choice.race || flags.choice.screen_to) && !std::ranges::contains(screened, flags.choice.optimizer))
    throw Error(Errc::bad_input,
                std::format("--race and --screen-to are for random-search, copro and infer-rules, not {}",
                            flags.choice.optimizer));
  auto student = student_of(flags);
  const auto signature = student.signature();
  const auto judge = flags.judge_model.empty() ? student.lm() : make_lm(flags.judge_model);
  const auto metric = metric_of(flags.choice, signature, judge);
  auto choice = flags.choice;
  choice.options = named_options(flags.options);
  const auto optimizer = optimizer_of(choice, metric);

  auto training = read_training(flags, signature);
  const std::filesystem::path checkpoint = flags.out + ".checkpoint.jsonl";
  std::error_code code;
  if (!flags.resume && std::filesystem::exists(checkpoint, code)) {
    throw Error(Errc::bad_input,
                std::format("`{}` was left by an interrupted run; give --resume to continue it, or remove the file",
                            checkpoint.string()));
  }
  const StopKey stop_key;
  training.search = search_of(flags);
  training.search.checkpoint = checkpoint;
  training.search.stop = stop_key.token();

  auto [program, report] = optimizer(student.program(), training);

  student.file.optimizer = {{"name", report.optimizer}, {"options", report.options}, {"seed", flags.choice.seed}};
  if (report.score()) {
    student.file.scores.push_back({.metric = metric.name(),
                                   .value = *report.score(),
                                   .examples = report.examples,
                                   .dataset = flags.val.empty() ? flags.data : flags.val});
  }
  save_best(student, program, flags.out);
  if (!flags.report.empty()) replace_file(flags.report, optimize::to_html(report));
  if (report.stopped.empty()) std::filesystem::remove(checkpoint, code);
  if (::isatty(STDERR_FILENO) != 0) std::cerr << "\r\x1b[K";
  tell_search(report, flags.out, flags.json);
  return exit_ok;
}

/// How candidates are made and compared.
void add_search(CLI::App& command, OptimizeFlags& flags) {
  command.add_option("--effort", flags.choice.effort, "Of mipro and gepa")
      ->check(CLI::IsMember({"light", "medium", "heavy"}))
      ->capture_default_str();
  command.add_option("--adapter", flags.adapter, "Adapter for a signature: field, chat, json, xml or two_step")
      ->capture_default_str();
  command.add_option("--screen-to", flags.choice.screen_to,
                     "For random-search: measure only this many candidates, those under which a local model finds the "
                     "right answers most likely");
  command.add_option("--race", flags.choice.race,
                     "For random-search: stop candidates that are unlikely to win; the accepted probability of "
                     "stopping a winner, such as 0.05");
  command
      .add_option(
          "--option", flags.options,
          "NAME=VALUE, an option of the optimizer by DSPy's name, such as frontier_type=hybrid (may be repeated); "
          "of several, with the stage before it: gepa.seed=1")
      ->allow_extra_args(false);
  command.add_option("--token-price", flags.token_price,
                     "Subtract this from the score for each 1,000 tokens of a run, such as 0.01");
  command.add_option("--time-price", flags.time_price, "Taken off a score for each second of a run");
  command.add_option("--failure-score", flags.failure_score, "Of an example on which the program fails")
      ->capture_default_str();
  command.add_option("--candidates", flags.choice.candidates, "How many programs, or instructions per round, to try")
      ->check(CLI::Range(least_candidates, most_candidates))
      ->capture_default_str();
  command.add_option("--max-bootstrapped-demos", flags.choice.max_bootstrapped_demos)->capture_default_str();
  command.add_option("--max-labeled-demos", flags.choice.max_labeled_demos)->capture_default_str();
  command.add_option("--teacher-model", flags.choice.teacher_model, "Answers the training examples");
  command.add_option("--prompt-model", flags.choice.prompt_model, "Writes instructions and rules");
}

/// How many runs the search makes, and where.
void add_runs_of_search(CLI::App& command, OptimizeFlags& flags) {
  command.add_option("--max-requests", flags.max_requests, "Make at most this many requests");
  command.add_option("--max-tokens-used", flags.max_tokens, "Stop after using this many tokens");
  command.add_option("--max-dollars", flags.max_dollars, "Stop after spending this much; prices must be known")
      ->check(CLI::Range(0.0, 1e9));
  command.add_option("--max-runs", flags.max_runs, "Never more runs of the program than these");
  command.add_option("--time-limit", flags.time_limit, "End with the best so far after so many seconds")
      ->check(CLI::PositiveNumber);
  command.add_option("--search-seed", flags.choice.seed, "The same seed gives the same search")->capture_default_str();
  command.add_option("--fleet", flags.fleet,
                     "redis://HOST:PORT/DB: workers (`dspy worker PROGRAM --queue … --rollouts`) make the runs; the "
                     "result does not depend on how many there are");
  command.add_option("--fleet-name", flags.fleet_name, "The queue of --fleet")->capture_default_str();
  command.add_flag("--resume", flags.resume, "Continue an interrupted run");
  command.add_option("-j,--jobs", flags.jobs, "Runs under way at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

}  // namespace

void add_optimize(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<OptimizeFlags>();
  auto* command = app.add_subcommand("optimize", "Improve a saved program on examples");
  command
      ->add_option(
          "program", flags->program.path,
          "A program file, as dspy::save or Python DSPy wrote it, a flow, or a signature \"question -> answer\"")
      ->required();
  command->add_option("data", flags->data, "Examples: JSONL, JSON or CSV with the program's fields")->required();
  command->add_option("--optimizer", flags->choice.optimizer, optimizer_names() + ", or several: \"bootstrap -> gepa\"")
      ->capture_default_str();
  command->add_option("--metric", flags->choice.metric, metric_names())->capture_default_str();
  command->add_option("--rubric", flags->choice.rubric,
                      "The criteria of the metric judge, whose reasons are feedback for gepa");
  command->add_option(
      "--judge-model", flags->judge_model,
      "The model of metrics that ask one [the program's]; its requests are not limited by --max-requests");
  command->add_option("--field", flags->choice.field, "The output to score [the last one]");
  command->add_option("--out", flags->out, "The file for the best program")->required();
  command->add_option("--report", flags->report, "Write an HTML report of the search to this file");
  command->add_option("--val", flags->val, "Validation examples; otherwise a share of the data");
  command->add_option("--val-share", flags->val_share, "That share")
      ->check(CLI::Range(0.01, 0.99))
      ->capture_default_str();
  add_search(*command, *flags);
  add_runs_of_search(*command, *flags);
  command->add_flag("--json", flags->json, "Print the report as an object");
  flags->program.add_to(*command);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  command->footer(
      "Ctrl-C ends the search and saves the best program so far.\n"
      "Example:\n"
      "  dspy optimize triage.json tickets.jsonl --optimizer random-search --metric exact_match --out better.json");
  command->callback([flags, &plan] { plan = [flags] { return run_optimize(*flags); }; });
}

}  // namespace dspy::app
