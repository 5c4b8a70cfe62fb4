#include "command.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/calibration.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/signature/decision.hpp"

#include <cstddef>
#include <expected>
#include <format>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct DecideFlags {
  SignatureFlags signature;
  ModelFlags model;
  std::string inputs;
  std::string output;
  std::string calibrate = "none";
  std::string fit;
  std::size_t jobs = 32;
  bool scale = false;
  bool json = false;
};

/// The output to decide: the one that is named, or the first that can be.
const Field& decided_output(const Signature& signature, const DecideFlags& flags) {
  for (const auto& field : signature.outputs) {
    if (!flags.output.empty() && field.name != flags.output) continue;
    if (attempt([&] { return decision_space(field, flags.scale); })) return field;
    if (!flags.output.empty()) decision_space(field, flags.scale);  // says why it cannot be
  }
  if (!flags.output.empty())
    throw Error(Errc::bad_input, std::format("the signature has no output named `{}`", flags.output));
  throw Error(Errc::bad_input,
              "no output can be decided; declare one as bool, as Literal['a', 'b'] or as a whole number with limits");
}

void tell(const FittedDecision& fitted) {
  std::cerr << std::format("dspy: {} of {} fitted: {:.1f} % right at the start, {:.1f} % after, {:.1f} % held out{}\n",
                           fitted.parameter, fitted.candidates, 100 * fitted.start, 100 * fitted.fitted,
                           100 * fitted.held_out, fitted.is_kept ? "" : "; kept as it was: " + fitted.skipped);
}

std::string decision_line(const Decision& decision) {
  auto out = shown(decision.value);
  for (std::size_t i = 0; i < decision.probabilities.size(); ++i) {
    const auto& [label, probability] = decision.probabilities[i];
    out += std::format("{}{} {:.4f}", i == 0 ? "  (" : ", ", label, probability);
  }
  return decision.probabilities.empty() ? out + "  (no probabilities)" : out + ")";
}

/// The inputs of a file, and what it says of the output.
struct DecisionRows {
  std::vector<JsonObject> inputs;
  std::vector<std::string> problems;  ///< Empty where there is none.
  std::vector<std::optional<Json>> labels;
};

DecisionRows read_rows(const std::string& path, const Signature& signature, const std::string& output) {
  DecisionRows out;
  each_row(path, &signature, [&](DataRow row) {
    JsonObject known;
    for (const auto& input : signature.inputs) {
      if (auto* const value = row.values.if_contains(input.name)) known[input.name] = std::move(*value);
    }
    const auto* const label = row.values.if_contains(output);
    out.labels.push_back(label != nullptr ? std::optional(*label) : std::nullopt);
    out.inputs.push_back(std::move(known));
    out.problems.push_back(row.problem.empty() ? std::string() : std::format("line {} {}", row.line, row.problem));
  });
  return out;
}

/// What --calibrate says the model prefers regardless of the input; `asked`: what it answered to the inputs.
std::map<std::string, double> prior_of(const DecideFlags& flags, const Predictor& predictor, const Field& field,
                                       const DecisionSpace& space,
                                       const std::vector<std::expected<Prediction, Error>>& asked) {
  if (flags.calibrate == "content-free") return wait(content_free_prior(predictor, field.name));
  std::vector<std::vector<double>> measured;
  if (flags.calibrate == "batch") {
    for (const auto& each : asked) {
      if (each) measured.push_back(probabilities_of(*each, field, space));
    }
  }
  return measured.empty() ? std::map<std::string, double>() : mean_prior(space, measured);
}

int run_decide(const DecideFlags& flags) {
  const auto signature = flags.signature.make();
  const auto& field = decided_output(signature, flags);
  const auto space = decision_space(field, flags.scale);
  DecisionSettings settings{.is_scale = flags.scale};

  const auto rows = read_rows(flags.inputs, signature, field.name);
  std::vector<Example> labelled;
  if (!flags.fit.empty()) labelled = read_dataset(flags.fit, {.signature = &signature, .needed = {field.name}});

  const Predictor predictor(signature, {.lm = flags.model.make(),
                                        .adapter = adapter(flags.signature.adapter),
                                        .sampling = flags.model.sampling,
                                        .decisions = {{field.name, settings}}});
  const BatchOptions together{.concurrency = flags.jobs};
  std::vector<Evidence> evidence;
  if (!labelled.empty()) evidence = wait(gather_evidence(predictor, field.name, labelled, together));
  const auto asked = predictor.batch(rows.inputs, together);

  settings.prior = prior_of(flags, predictor, field, space, asked);
  if (!evidence.empty()) {
    const auto fitted = fit_decision(space, settings, evidence);
    tell(fitted);
    settings = fitted.settings;
  }

  bool all_fine = true;
  std::size_t right = 0, labelled_inputs = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto decision = attempt([&] {
      if (!rows.problems[i].empty()) throw Error(Errc::bad_input, rows.problems[i]);
      if (!asked[i]) throw asked[i].error();
      return decision_of(*asked[i], field, settings);
    });
    all_fine = all_fine && decision.has_value();
    if (decision && rows.labels[i]) {
      ++labelled_inputs;
      right += (decision->level ? space.values[*decision->level] : decision->value) == *rows.labels[i] ? 1U : 0U;
    }
    if (flags.json) {
      print_json(decision ? to_json(*decision) : error_object(decision.error()));
    } else {
      print_line(decision ? decision_line(*decision) : std::format("error: {}", decision.error().what()));
    }
  }
  if (labelled_inputs > 0)
    std::cerr << std::format("dspy: {} of {} right according to the labels in the file\n", right, labelled_inputs);
  return all_fine ? exit_ok : exit_failed;
}

}  // namespace

void add_decide(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<DecideFlags>();
  auto* command = app.add_subcommand("decide", "Decide many inputs by the measured probabilities of the answers");
  command->add_option("--inputs", flags->inputs, "The inputs (.jsonl, .json, .csv)")->required();
  command->add_option("--output", flags->output, "The output to decide [the first that can be decided]");
  command
      ->add_option("--calibrate", flags->calibrate,
                   "Correct for answers the model prefers regardless of the input, measured over these inputs (batch) "
                   "or over inputs without content (content-free)")
      ->check(CLI::IsMember({"none", "batch", "content-free"}))
      ->capture_default_str();
  command->add_option("--fit", flags->fit, "Fit the threshold, weights or cuts to these labelled examples");
  command->add_flag("--scale", flags->scale, "The answers are levels from low to high; the value is their mean");
  command->add_option("-j,--jobs", flags->jobs, "Inputs under way at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_flag("--json", flags->json,
                    "Print {\"value\", \"probabilities\", \"confidence\", \"level\"?, \"method\"} a line");
  flags->signature.add_to(*command);
  flags->model.add_to(*command);
  command->footer(
      "For a model in this process the probability of every answer is measured token by token; the method is then "
      "`measured`.\nFor other models the value is what the model wrote, and the method is `none`.\n"
      "Examples:\n"
      "  dspy decide -s \"text -> sentiment: Literal['positive', 'negative']\" --inputs texts.jsonl --calibrate batch "
      "--json\n"
      "  dspy decide -s \"mail -> spam: bool\" --inputs mails.jsonl --fit labelled.jsonl");
  command->callback([flags, &plan] { plan = [flags] { return run_decide(*flags); }; });
}

}  // namespace dspy::app
