#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/bulk/queue/fleet_rollouts.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/evaluate/metrics/text.hpp"
#include "dspy/optimize/better_together.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/optimize/copro.hpp"
#include "dspy/optimize/gepa.hpp"
#include "dspy/optimize/infer_rules.hpp"
#include "dspy/optimize/labeled_few_shot.hpp"
#include "dspy/optimize/mipro_v2.hpp"
#include "dspy/optimize/simba.hpp"
#include "flows.hpp"
#include "measuring/writable.hpp"
#include "stop_key.hpp"

#include <unistd.h>

#include <filesystem>
#include <format>
#include <iostream>
#include <optional>
#include <tuple>

namespace dspy::app {
namespace {

struct OptimizeFlags {
  ProgramFlags program;
  ModelFlags model;
  PolicyFlags policy;
  std::string data;
  std::string val;
  double val_share = 0.5;
  std::string optimizer = "random-search";
  std::string metric = "exact_match";
  std::string field;
  std::string out;
  std::string report;
  std::string teacher_model;
  std::string prompt_model;
  std::string effort = "light";
  std::string adapter = "field";
  std::optional<std::size_t> screen_to;
  std::optional<double> race;
  double token_price = 0;
  std::optional<std::uint64_t> max_requests;
  std::optional<std::uint64_t> max_tokens;
  std::size_t max_bootstrapped_demos = 4;
  std::size_t max_labeled_demos = 8;
  std::size_t candidates = 8;
  std::size_t jobs = 32;
  std::uint64_t seed = 0;
  std::string fleet;
  std::string fleet_name = "dspy";
  bool resume = false;
  bool json = false;
};

Metric metric_of(const OptimizeFlags& flags, const Signature& signature) {
  const auto field = flags.field.empty() ? signature.outputs.back().name : flags.field;
  if (signature.find(field) == nullptr)
    throw Error(Errc::bad_input, std::format("the program has no field `{}` to measure; see --field", field));
  if (flags.metric == "exact_match") return metrics::exact_match(field);
  if (flags.metric == "f1") return metrics::f1(field);
  if (flags.metric == "equal") return metrics::equal(field);
  throw Error(Errc::bad_input, std::format("unknown metric `{}`; use exact_match, f1 or equal", flags.metric));
}

std::shared_ptr<LM> lm_of(const std::string& model) {
  return model.empty() ? nullptr : make_lm(model);
}

Effort effort_of(const std::string& name) {
  if (name == "medium") return Effort::medium;
  return name == "heavy" ? Effort::heavy : Effort::light;
}

AnyOptimizer optimizer_of(const OptimizeFlags& flags, const Metric& metric) {
  const auto teacher = lm_of(flags.teacher_model);
  const auto prompt = lm_of(flags.prompt_model);
  const auto& name = flags.optimizer;
  if (name == "labeled") return any_optimizer(LabeledFewShot({.k = flags.max_labeled_demos, .metric = metric}));
  if (name == "bootstrap") {
    return any_optimizer(BootstrapFewShot({.metric = metric,
                                           .teacher_lm = teacher,
                                           .max_bootstrapped_demos = flags.max_bootstrapped_demos,
                                           .max_labeled_demos = flags.max_labeled_demos}));
  }
  if (name == "random-search") {
    return any_optimizer(BootstrapFewShotWithRandomSearch({.metric = metric,
                                                           .teacher_lm = teacher,
                                                           .max_bootstrapped_demos = flags.max_bootstrapped_demos,
                                                           .max_labeled_demos = flags.max_labeled_demos,
                                                           .num_candidate_programs = flags.candidates,
                                                           .screen_to = flags.screen_to,
                                                           .race = flags.race}));
  }
  if (name == "optuna") {
    return any_optimizer(BootstrapFewShotWithOptuna({.metric = metric,
                                                     .teacher_lm = teacher,
                                                     .max_bootstrapped_demos = flags.max_bootstrapped_demos,
                                                     .max_labeled_demos = flags.max_labeled_demos,
                                                     .num_candidate_programs = flags.candidates,
                                                     .max_demos = flags.max_bootstrapped_demos,
                                                     .seed = static_cast<std::uint32_t>(flags.seed)}));
  }
  if (name == "copro")
    return any_optimizer(Copro({.metric = metric, .prompt_model = prompt, .breadth = flags.candidates}));
  if (name == "mipro") {
    return any_optimizer(MiproV2({.metric = metric,
                                  .effort = effort_of(flags.effort),
                                  .prompt_model = prompt,
                                  .teacher_lm = teacher,
                                  .max_bootstrapped_demos = flags.max_bootstrapped_demos,
                                  .max_labeled_demos = flags.max_labeled_demos,
                                  .seed = flags.seed}));
  }
  if (name == "simba")
    return any_optimizer(Simba({.metric = metric, .bsize = 16, .prompt_model = prompt, .seed = flags.seed}));
  if (name == "gepa") {
    return any_optimizer(
        Gepa({.metric = metric, .effort = effort_of(flags.effort), .reflection_lm = prompt, .seed = flags.seed}));
  }
  if (name == "infer-rules") {
    return any_optimizer(InferRules({.metric = metric,
                                     .num_candidates = flags.candidates,
                                     .prompt_model = prompt,
                                     .teacher_lm = teacher,
                                     .max_bootstrapped_demos = flags.max_bootstrapped_demos,
                                     .max_labeled_demos = flags.max_labeled_demos}));
  }
  throw Error(Errc::bad_input,
              std::format("unknown optimizer `{}`; use labeled, bootstrap, random-search, optuna, copro, mipro, "
                          "simba, gepa or infer-rules",
                          name));
}

/// Shows how far the search is on a terminal's last line; prints nothing where there is none.
std::function<void(const optimize::Event&)> live_view() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [](const optimize::Event& event) {
    std::cerr << "\r\x1b[K" << optimize::to_line(event);
    if (event.kind == optimize::Event::Kind::evaluated) std::cerr << '\n';
    std::cerr.flush();
  };
}

std::string percent_of(const std::optional<double>& score) {
  return score ? std::format("{:.2f} %", optimize::percent(*score)) : "not measured";
}

void tell(const optimize::Report& report, const OptimizeFlags& flags) {
  if (flags.json) {
    auto object = optimize::to_json(report);
    object["out"] = flags.out;
    return print_json(object);
  }
  std::optional<double> before;
  for (const auto& each : report.candidates) {
    if (!before) before = each.score;
  }
  print_line(std::format("{}: {} before, {} after, on {} examples", report.optimizer, percent_of(before),
                         percent_of(report.score()), report.examples));
  print_line(std::format("{} requests, {} runs, {:.1f} s; saved as {}", report.usage.requests, report.rollouts,
                         report.seconds, flags.out));
  if (!report.stopped.empty()) print_line("It ended early: " + report.stopped);
  for (const auto& note : report.notes) print_line("Note: " + note);
}

/// The program of a file: one predictor of it, or all of a flow.
struct Student {
  ProgramFile file;
  std::string path;  ///< Of the predictor.
  std::optional<Flow> flow;
  std::optional<Predictor> predictor;

  Signature signature() const { return flow ? flow->signature() : predictor->signature(); }
  Program program() const { return flow ? Program(*flow) : Program(*predictor); }
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

int run_optimize(const OptimizeFlags& flags) {
  require_writable(flags.out);
  if (!flags.report.empty()) require_writable(flags.report);
  if ((flags.race || flags.screen_to) && flags.optimizer != "random-search")
    throw Error(Errc::bad_input, std::format("--race and --screen-to are for random-search, not {}", flags.optimizer));
  auto student = student_of(flags);
  const auto signature = student.signature();
  const auto metric = metric_of(flags, signature);
  const auto optimizer = optimizer_of(flags, metric);

  Training training{.trainset = read_dataset(flags.data, {.signature = &signature})};
  if (!flags.val.empty()) {
    training.valset = read_dataset(flags.val, {.signature = &signature});
  } else if (training.trainset.size() > 1) {
    std::tie(training.valset, training.trainset) = split(std::move(training.trainset), flags.val_share, flags.seed);
  }
  const std::filesystem::path checkpoint = flags.out + ".checkpoint.jsonl";
  std::error_code code;
  if (!flags.resume && std::filesystem::exists(checkpoint, code)) {
    throw Error(Errc::bad_input, std::format("`{}` is what an interrupted run left; give --resume to go on from it, or "
                                             "remove it",
                                             checkpoint.string()));
  }
  const StopKey stop_key;
  training.search = {.concurrency = flags.jobs,
                     .limits = {.requests = flags.max_requests, .tokens = flags.max_tokens},
                     .checkpoint = checkpoint,
                     .stop = stop_key.token(),
                     .price = {.per_1000_tokens = flags.token_price},
                     .on_event = live_view()};
  if (!flags.fleet.empty()) training.search.backend = redis_rollouts(flags.fleet, {.name = flags.fleet_name});

  auto [program, report] = optimizer(student.program(), training);

  student.file.optimizer = {{"name", report.optimizer}, {"options", report.options}, {"seed", flags.seed}};
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
  tell(report, flags);
  return exit_ok;
}

}  // namespace

void add_optimize(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<OptimizeFlags>();
  auto* command = app.add_subcommand("optimize", "Make a saved program better on examples");
  command
      ->add_option(
          "program", flags->program.path,
          "A program file, as dspy::save or Python DSPy wrote it, a flow, or a signature \"question -> answer\"")
      ->required();
  command->add_option("data", flags->data, "Examples: JSONL, JSON or CSV with the program's fields")->required();
  command
      ->add_option("--optimizer", flags->optimizer,
                   "labeled, bootstrap, random-search, optuna, copro, mipro, simba, gepa or infer-rules")
      ->capture_default_str();
  command->add_option("--metric", flags->metric, "exact_match, f1 or equal")->capture_default_str();
  command->add_option("--field", flags->field, "The output that is measured; the last one unless said");
  command->add_option("--out", flags->out, "Where the best program is saved")->required();
  command->add_option("--report", flags->report, "Where a page about the search is written");
  command->add_option("--val", flags->val, "Examples that programs are measured on; else a share of the data");
  command->add_option("--val-share", flags->val_share, "That share")
      ->check(CLI::Range(0.01, 0.99))
      ->capture_default_str();
  command->add_option("--effort", flags->effort, "Of mipro and gepa")
      ->check(CLI::IsMember({"light", "medium", "heavy"}))
      ->capture_default_str();
  command->add_option("--adapter", flags->adapter, "Of a signature: field, chat, json, xml or two_step")
      ->capture_default_str();
  command->add_option(
      "--screen-to", flags->screen_to,
      "Of random-search: measure only so many candidates, those under which a local model finds the right "
      "answers likeliest");
  command->add_option(
      "--race", flags->race,
      "Of random-search: stop candidates that can hardly win; the probability of stopping a winner, such as "
      "0.05");
  command->add_option("--token-price", flags->token_price,
                      "Taken off a score for each 1,000 tokens of a run, such as 0.01");
  command->add_option("--candidates", flags->candidates, "Programs, or instructions a round, that are tried")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_option("--max-bootstrapped-demos", flags->max_bootstrapped_demos)->capture_default_str();
  command->add_option("--max-labeled-demos", flags->max_labeled_demos)->capture_default_str();
  command->add_option("--teacher-model", flags->teacher_model, "Answers the training examples");
  command->add_option("--prompt-model", flags->prompt_model, "Writes instructions and rules");
  command->add_option("--max-requests", flags->max_requests, "Never more requests than these");
  command->add_option("--max-tokens-used", flags->max_tokens, "End when so many tokens are used");
  command->add_option("--search-seed", flags->seed, "The same seed gives the same search")->capture_default_str();
  command->add_option(
      "--fleet", flags->fleet,
      "redis://HOST:PORT/DB: `dspy worker PROGRAM --queue … --rollouts` make the runs, as many as there "
      "are; the same search finds the same");
  command->add_option("--fleet-name", flags->fleet_name, "The queue of --fleet")->capture_default_str();
  command->add_flag("--resume", flags->resume, "Go on from what an interrupted run left");
  command->add_option("-j,--jobs", flags->jobs, "Runs under way at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
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
