#include "command.hpp"
#include "contracts/subject.hpp"
#include "dspy/base/file.hpp"
#include "dspy/evaluate/comparison.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/evaluate/evaluate.hpp"
#include "dspy/evaluate/report.hpp"
#include "dspy/modules/traversal.hpp"
#include "flows.hpp"
#include "measuring/evaluation_file.hpp"
#include "measuring/metric_choice.hpp"
#include "measuring/writable.hpp"
#include "stop_key.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <format>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct EvalFlags {
  std::string subject;
  std::string data;
  std::string metric;  ///< Empty: `exact_match` of a text, `equal` of anything else.
  std::string field;
  std::string rubric;
  std::string slice;
  std::vector<std::string> outputs;
  std::string checkpoint;
  std::string adapter = "field";
  ProgramFlags program;
  ModelFlags model;
  PolicyFlags policy;
  std::size_t jobs = 32;
  std::size_t limit = 0;
  std::size_t rows = 0;
  std::optional<std::size_t> max_errors;
  std::optional<std::uint64_t> max_requests;
  std::optional<double> max_seconds;
  std::optional<double> max_dollars;
  double failure_score = 0;
  bool traces = false;
  bool json = false;
};

/// What is evaluated unless it is a flow: a predictor of a program file, or a signature.
Predictor predictor_of(const EvalFlags& flags, const std::shared_ptr<LM>& lm) {
  const PredictorOptions options{.lm = lm, .sampling = flags.model.sampling, .policy = flags.policy.make()};
  const auto subject = read_subject(flags.subject, flags.program);
  if (subject.program) {
    auto chosen = flags.program;
    chosen.path = flags.subject;
    return chosen.make(chosen.choose(*subject.program), options);
  }
  if (!subject.signature)
    throw Error(Errc::bad_input, std::format("`{}` is neither a program nor a signature", flags.subject));
  auto with_adapter = options;
  with_adapter.adapter = adapter(flags.adapter);
  return Predictor(*subject.signature, with_adapter);
}

void write(const std::string& path, const EvaluationResult& result, const HtmlOptions& html) {
  const auto ending = std::filesystem::path(path).extension();
  if (ending == ".json") return replace_file(path, to_text(to_json(result)) + "\n");
  if (ending == ".csv") return replace_file(path, to_csv(result));
  if (ending == ".html") return replace_file(path, to_html(result, html));
  throw Error(Errc::bad_input, std::format("--output `{}` does not end in .json, .csv or .html; rename it", path));
}

void show_progress(const EvaluationProgress& progress) {
  std::cerr << '\r' << to_line(progress) << "\x1b[K" << (progress.done == progress.total ? "\n" : "") << std::flush;
}

void check(const EvalFlags& flags) {
  const auto refuse = [](std::string_view flag, std::string_view wanted) {
    throw Error(Errc::invalid_parameter, std::format("{} must be {}", flag, wanted));
  };
  if (flags.max_seconds && !(*flags.max_seconds > 0)) refuse("--max-seconds", "more than 0");
  if (flags.max_dollars && !(*flags.max_dollars > 0 && *flags.max_dollars < 1e9))
    refuse("--max-dollars", "more than 0, such as 2.50");
  if (!(std::abs(flags.failure_score) < 1e9)) refuse("--failure-score", "a number such as 0");
}

void require_column(const std::vector<Example>& examples, const std::string& name) {
  if (name.empty() || std::ranges::any_of(examples, [&](const Example& each) { return each.get(name) != nullptr; }))
    return;
  throw Error(Errc::bad_input, std::format("--slice `{}`: no example has a value of that name", name));
}

/// Complains before any work of files that cannot be written.
void check_outputs(const std::vector<std::string>& paths) {
  for (const auto& path : paths) {
    const auto ending = std::filesystem::path(path).extension();
    if (ending != ".json" && ending != ".csv" && ending != ".html") write(path, {}, {});
    require_writable(path);
  }
}

/// The output to score: the one that is named, or the last.
const Field& scored_output(const EvalFlags& flags, const Signature& signature) {
  if (flags.field.empty()) return signature.outputs.back();
  const auto found = std::ranges::find(signature.outputs, flags.field, &Field::name);
  if (found == signature.outputs.end())
    throw Error(Errc::bad_input, std::format("--field `{}` is not an output of the program; the last output is `{}`",
                                             flags.field, signature.outputs.back().name));
  return *found;
}

EvaluateOptions options_of(const EvalFlags& flags, Metric metric) {
  EvaluateOptions options{.metric = std::move(metric),
                          .concurrency = flags.jobs,
                          .failure_score = flags.failure_score,
                          .max_errors = flags.max_errors,
                          .keeps_traces = flags.traces,
                          .checkpoint = flags.checkpoint};
  if (flags.max_requests || flags.max_dollars) {
    Budget::Limits limits{.requests = flags.max_requests};
    if (flags.max_dollars) limits.nanodollars = static_cast<std::int64_t>(std::llround(*flags.max_dollars * 1e9));
    options.context.budget = std::make_shared<Budget>(limits);
  }
  if (flags.max_seconds) {
    options.context.deadline =
        std::chrono::steady_clock::now() +
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*flags.max_seconds));
  }
  if (::isatty(STDERR_FILENO) == 1) options.progress = show_progress;
  return options;
}

void tell(const EvaluationResult& result, const EvalFlags& flags) {
  if (flags.json) return print_json(to_json(result, false));
  std::cout << to_table(result, flags.rows);
  if (flags.slice.empty()) return;
  for (const auto& slice : slices(result, flags.slice))
    print_line(std::format("{} = {}: {:.2f} % of {}", flags.slice, slice.name, slice.score, slice.done));
}

/// False, and an error is told, if one could not be written, which keeps no other from it.
bool write_outputs(const EvalFlags& flags, const EvaluationResult& result, const HtmlOptions& html) {
  std::optional<Error> unwritten;
  for (const auto& path : flags.outputs) {
    const auto written = attempt([&] { write(path, result, html); });
    if (!written && !unwritten) unwritten = written.error();
  }
  if (unwritten) std::cerr << "dspy: error: " << unwritten->what() << '\n';
  return !unwritten;
}

int run_eval(EvalFlags flags) {
  check(flags);
  check_outputs(flags.outputs);
  const auto flow = read_flow(flags.subject, flags.program, flags.model, flags.policy);
  const auto unasked = flow ? std::nullopt : std::optional(predictor_of(flags, nullptr));
  const auto signature = flow ? flow->flow.signature() : unasked->signature();
  const auto& output = scored_output(flags, signature);
  if (flags.metric.empty()) flags.metric = output.type.required().kind == Type::Kind::string ? "exact_match" : "equal";
  const bool needs_label = flags.metric != "judge";
  const auto examples = read_dataset(
      flags.data, {.signature = &signature,
                   .needed = needs_label ? std::vector<std::string>{output.name} : std::vector<std::string>{},
                   .limit = flags.limit});
  if (needs_label) require_declared_labels(examples, output, flags.data);
  require_column(examples, flags.slice);
  const auto lm = flags.model.make();
  const Program program = flow ? Program(flow->flow) : Program(with_lm(*unasked, lm));

  auto options =
      options_of(flags, metric_named({.name = flags.metric, .field = output.name, .rubric = flags.rubric, .lm = lm}));
  const StopKey stop_key;
  options.context.stop = stop_key.token();
  const auto result = Evaluate(options)(program, examples);
  tell(result, flags);
  std::cout.flush();  // the score is out before a full disk can be in the way
  const auto title = std::format("{} on {}", flags.metric, std::filesystem::path(flags.data).filename().string());
  if (!write_outputs(flags, result, {.title = title, .program = &program, .slice_by = flags.slice})) return exit_failed;
  const bool all_failed = result.done > 0 && result.failures == result.done;
  return result.is_complete() && !all_failed ? exit_ok : exit_failed;
}

}  // namespace

void add_eval(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<EvalFlags>();
  auto* command = app.add_subcommand("eval", "Measure a program on a dataset");
  command->add_option("program", flags->subject, "A program file, or a signature \"question -> answer\"")->required();
  command->add_option("data", flags->data, "The examples (.jsonl, .json, .csv), with inputs and expected outputs")
      ->required();
  command->add_option("--metric", flags->metric, metric_names() + " [exact_match for text outputs, otherwise equal]");
  command->add_option("--field", flags->field, "The output to score [the last one]");
  command->add_option("--rubric", flags->rubric, "The criteria to score by, for the metric judge");
  command->add_option("-j,--jobs", flags->jobs, "Examples to run concurrently")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--limit", flags->limit, "Read only this many examples; 0: all");
  command->add_option("-o,--output", flags->outputs,
                      "Write the results: .json (for `dspy compare`), .csv or .html (may be repeated)");
  command->add_option("--checkpoint", flags->checkpoint, "Record finished examples in this file, and resume from it");
  command->add_option("--slice", flags->slice, "Also report the score for each value of this field");
  command->add_option("--rows", flags->rows, "Print this many rows, the worst first");
  command->add_option("--max-errors", flags->max_errors, "Stop after this many examples have failed");
  command->add_option("--max-requests", flags->max_requests, "Make at most this many requests");
  command->add_option("--max-dollars", flags->max_dollars,
                      "Spend at most this much; a request whose price is unknown is refused");
  command->add_option("--max-seconds", flags->max_seconds, "Start no more examples after this time");
  command->add_option("--failure-score", flags->failure_score, "The score of an example that fails")
      ->capture_default_str();
  command->add_option("--adapter", flags->adapter, "Adapter for a signature: field, chat, json, xml or two_step")
      ->capture_default_str();
  command->add_flag("--traces", flags->traces, "Keep the calls behind each answer, for --output");
  command->add_flag("--json", flags->json,
                    "Print {\"metric\", \"score\", \"n\", \"failures\", \"requests\", \"seconds\", ...}");
  flags->program.add_to(*command);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  command->footer(
      "Exit code 0 if all examples were run, 1 if the run stopped early or all of them failed, 2 for invalid flags or "
      "data.\n"
      "Examples:\n"
      "  dspy eval \"question -> answer\" dev.jsonl --metric exact_match --json\n"
      "  dspy eval tuned.json dev.csv --metric f1 -o report.html -o tuned-results.json");
  command->callback([flags, &plan] { plan = [flags] { return run_eval(*flags); }; });
}

void add_compare(CLI::App& app, Plan& plan) {
  struct CompareFlags {
    std::string a, b;
    std::size_t flips = 10;
    double confidence = 0.95;
    bool json = false;
  };
  auto flags = std::make_shared<CompareFlags>();
  auto* command = app.add_subcommand("compare", "Compare two evaluations on the same data with a paired test");
  command->add_option("a", flags->a, "Results of `dspy eval --output A.json`")->required();
  command->add_option("b", flags->b, "The results of another program")->required();
  command->add_option("--flips", flags->flips, "Print this many examples whose scores differ")->capture_default_str();
  command->add_option("--confidence", flags->confidence, "Confidence level of the interval around the difference")
      ->capture_default_str();
  command->add_flag(
      "--json", flags->json,
      "Print {\"n\", \"a\", \"b\", \"difference\", \"interval\", \"test\", \"p_value\", \"better\", \"worse\"}");
  command->callback([flags, &plan] {
    plan = [flags] {
      const auto comparison = compare(read_evaluation(flags->a), read_evaluation(flags->b), flags->confidence);
      if (flags->json) {
        print_json(to_json(comparison));
      } else {
        std::cout << to_table(comparison, flags->flips);
      }
      return exit_ok;
    };
  });
}

}  // namespace dspy::app
