#include "command.hpp"

#include <iostream>

namespace dspy::app {
namespace {

struct AskFlags {
  std::string question;
  std::vector<std::string> inputs;
  SignatureFlags signature;
  ModelFlags model;
  PolicyFlags policy;
  bool stream = false;
  bool json = false;
};

/// The question fills the first text input that no --input names.
JsonObject inputs_of(const Signature& signature, const AskFlags& flags) {
  auto inputs = read_inputs(signature, flags.inputs);
  auto question = flags.question == "-" ? read_all(std::cin) : flags.question;
  if (flags.question == "-") {
    while (question.ends_with('\n') || question.ends_with('\r')) question.pop_back();
  }
  if (flags.question.empty()) return inputs;
  for (const auto& field : signature.inputs) {
    if (field.type.required().kind != Type::Kind::string || inputs.contains(field.name)) continue;
    inputs[field.name] = question;
    return inputs;
  }
  throw Error(Errc::bad_input,
              "the signature has no text input left for the question; give inputs as --input name=value");
}

void stream_outputs(const Predictor& predictor, JsonObject inputs) {
  const bool labels = predictor.signature().outputs.size() > 1;
  std::string current;
  const auto prediction = predictor.stream(std::move(inputs), [&](const FieldEvent& event) {
    if (labels && event.field != current) {
      current = event.field;
      std::cout << predictor.signature().find(current)->label << ": ";
    }
    if (event.restart) std::cout << '\n';  // what stands there was chatter: the value follows on a line of its own
    std::cout << event.text << (event.done ? "\n" : "") << std::flush;
  });
  tell_what_was_accepted(prediction);
}

int run_ask(const AskFlags& flags) {
  const auto signature = flags.signature.make();
  auto inputs = checked_inputs(signature, inputs_of(signature, flags));
  auto policy = flags.policy.make();
  const Predictor predictor(signature, {.lm = flags.model.make(),
                                        .adapter = adapter(flags.signature.adapter),
                                        .sampling = flags.model.sampling,
                                        .policy = std::move(policy)});
  if (flags.json) {
    print_json(to_json(predictor(std::move(inputs))));
  } else if (flags.stream) {
    stream_outputs(predictor, std::move(inputs));
  } else {
    print_outputs(signature, predictor(std::move(inputs)), true);
  }
  return exit_ok;
}

}  // namespace

void add_ask(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<AskFlags>();
  auto* command = app.add_subcommand("ask", "Ask a model one question and print the typed answer");
  command->add_option("question", flags->question, "The text of the first text input; - reads it from standard input");
  command->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  command->add_flag("--stream", flags->stream, "Print each field as it is written");
  command->add_flag("--json", flags->json, "Print {\"outputs\", \"usage\", \"flags\", \"violations\"?, \"failures\"?}");
  flags->signature.add_to(*command);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dspy ask \"What is the capital of France?\"\n"
      "  dspy ask --cot -s \"question -> answer: int\" \"What is 7 * 8 + 5?\" --stream\n"
      "  dspy ask -s \"context, question -> answer\" --input context=\"Nora lives in Lima.\" "
      "--input question=\"Where does Nora live?\"\n"
      "  dspy ask -s \"question -> answer: list[int]\" \"Primes below 10?\" --ask-again 2 --fallback json --finally "
      "accept");
  command->callback([flags, &plan] { plan = [flags] { return run_ask(*flags); }; });
}

}  // namespace dspy::app
