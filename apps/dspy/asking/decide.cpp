#include "asking/decided.hpp"
#include "command.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/calibration.hpp"
#include "dspy/evaluate/dataset.hpp"
#include "dspy/signature/decision.hpp"

#include <algorithm>
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
  std::optional<double> least;  ///< Confidence at which a decision stands.
  std::string otherwise;        ///< The model for those that do not.
  bool scale = false;
  bool written = false;
  bool json = false;

  AskerOptions asking(std::shared_ptr<LM> lm) const {
    return {.lm = std::move(lm),
            .adapter = adapter(signature.adapter),
            .sampling = model.sampling,
            .jobs = jobs,
            .is_scale = scale,
            .is_written = written};
  }
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
std::map<std::string, double> prior_of(const DecideFlags& flags, const Asker& asker, const Field& field,
                                       const DecisionSpace& space, const Asked& asked) {
  if (flags.calibrate == "content-free") return wait(content_free_prior(asker.predictor(), field.name));
  std::vector<std::vector<double>> measured;
  if (flags.calibrate == "batch") {
    for (const auto& each : asked) {
      if (each) measured.push_back(probabilities_of(*each, field, space));
    }
  }
  return measured.empty() ? std::map<std::string, double>() : mean_prior(space, measured);
}

using AllSaid = std::vector<std::expected<Said, Error>>;

/// Has what is not sure decided by the other model, or by nobody.
void handle_unsure(const DecideFlags& flags, const Signature& signature, const Field& field, const DecisionRows& rows,
                   AllSaid& said) {
  if (!flags.least) return;
  std::vector<std::size_t> unsure;
  for (std::size_t i = 0; i < said.size(); ++i) {
    if (said[i] && said[i]->decision.confidence.value_or(0) < *flags.least) unsure.push_back(i);
  }
  if (flags.otherwise.empty()) {
    for (const auto i : unsure) said[i]->is_abstained = true;
    return;
  }
  std::vector<JsonObject> inputs;
  for (const auto i : unsure) inputs.push_back(rows.inputs[i]);
  const auto asked = Asker(signature, field, flags.asking(make_lm(flags.otherwise))).ask(std::move(inputs));
  for (std::size_t k = 0; k < unsure.size(); ++k) {
    said[unsure[k]] = attempt([&] {
      if (!asked[k]) throw asked[k].error();
      auto out = said_of(*asked[k], field, {.is_scale = flags.scale});
      out.is_routed = true;
      return out;
    });
  }
}

void check(const DecideFlags& flags) {
  if (flags.written && flags.calibrate == "content-free")
    throw Error(Errc::invalid_parameter,
                "--calibrate content-free needs the model's own probabilities; use --calibrate batch with --written");
  if (!flags.otherwise.empty() && !flags.least)
    throw Error(Errc::invalid_parameter,
                "--otherwise is for decisions that are not sure; say with --least-confidence which are");
}

/// Exit code 1 if an input could not be decided.
int tell_all(const DecideFlags& flags, const DecisionSpace& space, const DecisionRows& rows, const AllSaid& said) {
  bool all_fine = true;
  std::size_t right = 0, labelled = 0, abstained = 0;
  for (std::size_t i = 0; i < said.size(); ++i) {
    all_fine = all_fine && said[i].has_value();
    if (said[i] && said[i]->is_abstained) {
      ++abstained;
    } else if (said[i] && rows.labels[i]) {
      const auto& decision = said[i]->decision;
      ++labelled;
      right += (decision.level ? space.values[*decision.level] : decision.value) == *rows.labels[i] ? 1U : 0U;
    }
    if (flags.json) {
      print_json(said[i] ? to_json(*said[i]) : error_object(said[i].error()));
    } else {
      print_line(said[i] ? decision_line(*said[i]) : std::format("error: {}", said[i].error().what()));
    }
  }
  if (labelled > 0)
    std::cerr << std::format("dspy: {} of {} right according to the labels in the file\n", right, labelled);
  if (abstained > 0) std::cerr << std::format("dspy: {} of {} not sure enough\n", abstained, said.size());
  return all_fine ? exit_ok : exit_failed;
}

int run_decide(const DecideFlags& flags) {
  check(flags);
  const auto signature = flags.signature.make();
  const auto& field = decided_output(signature, flags);
  const auto space = decision_space(field, flags.scale);
  DecisionSettings settings{.is_scale = flags.scale};

  const auto rows = read_rows(flags.inputs, signature, field.name);
  std::vector<Example> labelled;
  if (!flags.fit.empty()) labelled = read_dataset(flags.fit, {.signature = &signature, .needed = {field.name}});

  const Asker asker(signature, field, flags.asking(flags.model.make()));
  std::vector<Evidence> evidence;
  if (!labelled.empty()) evidence = asker.evidence(labelled, field, space);
  const auto asked = asker.ask(rows.inputs);

  settings.prior = prior_of(flags, asker, field, space, asked);
  if (!evidence.empty()) {
    const auto fitted = fit_decision(space, settings, evidence);
    tell(fitted);
    settings = fitted.settings;
  }

  AllSaid said;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    said.push_back(attempt([&] {
      if (!rows.problems[i].empty()) throw Error(Errc::bad_input, rows.problems[i]);
      if (!asked[i]) throw asked[i].error();
      return said_of(*asked[i], field, settings);
    }));
  }
  handle_unsure(flags, signature, field, rows, said);
  return tell_all(flags, space, rows, said);
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
  command->add_flag("--written", flags->written,
                    "Ask the model to write the probabilities, for models that do not report any");
  command
      ->add_option("--least-confidence", flags->least,
                   "Abstain where the decision is less sure than this, or ask the model of --otherwise")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--otherwise", flags->otherwise, "Another model, for decisions that are not sure enough");
  command->add_flag("--json", flags->json,
                    "Print {\"value\", \"probabilities\", \"confidence\", \"level\"?, \"method\", \"abstained\"?, "
                    "\"routed\"?} a line");
  flags->signature.add_to(*command);
  flags->model.add_to(*command);
  command->footer(
      "For a model in this process the probability of every answer is measured token by token; the method is then "
      "`measured`.\nFor a provider's model they are taken from the log-probabilities of its reply, if it reports "
      "enough of "
      "them (method\n`log_probabilities`), or written by it (--written, method `written`); else the value is what the "
      "model wrote, and the\nmethod is `none`.\n"
      "Examples:\n"
      "  dspy decide -s \"text -> sentiment: Literal['positive', 'negative']\" --inputs texts.jsonl --calibrate batch "
      "--json\n"
      "  dspy decide -s \"mail -> spam: bool\" --inputs mails.jsonl --fit labelled.jsonl\n"
      "  dspy decide -s \"mail -> spam: bool\" --inputs mails.jsonl --least-confidence 0.9 --otherwise openai/gpt-4o");
  command->callback([flags, &plan] { plan = [flags] { return run_decide(*flags); }; });
}

}  // namespace dspy::app
