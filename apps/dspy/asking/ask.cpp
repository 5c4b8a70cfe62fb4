#include "command.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/wait.hpp"
#include "retrieval/rag.hpp"

#include <algorithm>
#include <format>
#include <iostream>
#include <string>
#include <string_view>

namespace dspy::app {
namespace {

struct AskFlags {
  std::string question;
  std::vector<std::string> inputs;
  SignatureFlags signature;
  ModelFlags model;
  PolicyFlags policy;
  AskIndexFlags index;
  bool stream = false;
  bool json = false;
  std::vector<std::string> choices;
  std::string regex;
  std::string grammar;

  bool has_contract() const { return !choices.empty() || !regex.empty() || !grammar.empty(); }
};

std::string question_of(const AskFlags& flags) {
  auto question = flags.question == "-" ? read_all(standard_input()) : flags.question;
  if (flags.question == "-") {
    while (question.ends_with('\n') || question.ends_with('\r')) question.pop_back();
  }
  return question;
}

/// The question fills the first text input that no --input names.
JsonObject inputs_of(const Signature& signature, const AskFlags& flags) {
  auto inputs = read_inputs(signature, flags.inputs);
  auto question = question_of(flags);
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
  bool was_restarted = false;
  const auto prediction = predictor.stream(std::move(inputs), [&](const FieldEvent& event) {
    if (labels && event.field != current) {
      current = event.field;
      std::cout << predictor.signature().find(current)->label << ": ";
    }
    if (event.restart) {  // what stands there was chatter, and cannot be taken from the terminal
      was_restarted = true;
      std::cout << '\n' << std::flush;
    }
    std::cout << for_terminal(event.text) << (event.done ? "\n" : "") << std::flush;
  });
  if (was_restarted) {
    std::cout.flush();
    std::cerr << "dspy: some of the text above was not part of the answer; the complete answer is:\n";
    print_outputs(predictor.signature(), prediction, true);
    return;
  }
  tell_what_was_accepted(prediction);
}

OutputContract contract_of(const AskFlags& flags) {
  using Form = OutputContract::Form;
  if (!flags.choices.empty()) return {.form = Form::choices, .choices = flags.choices};
  if (!flags.regex.empty()) return {.form = Form::regex, .grammar = flags.regex};
  return {.form = Form::gbnf, .grammar = read_text(flags.grammar, 1 << 20)};
}

void tell_if_ended_early(const Reply& reply) {
  std::cout.flush();
  if (reply.completion().finish == FinishReason::length || !reply.completion().closed_early.empty())
    std::cerr << "dspy: the reply keeps its contract, but was cut at max_tokens; the model would have written more\n";
}

/// What a model that cannot be held to a contract says is compared with it.
void require_kept(const AskFlags& flags, const std::string& text) {
  const auto refuse = [&](std::string_view what) {
    throw Error(
        Errc::parse_error,
        std::format(
            "the model replied \"{}\", which {}; try again, or use a local model, whose replies can be constrained",
            text, what),
        {.raw = text});
  };
  if (!flags.choices.empty() && !std::ranges::contains(flags.choices, text)) refuse("is none of the choices");
  if (!flags.regex.empty()) {
    Type type;
    type.limits = {.pattern = std::format("^(?:{})$", flags.regex)};
    if (!fit(type, Json(text))) refuse("the regular expression does not match");
  }
}

/// The question as it is, without a signature; the reply is held to a contract.
int ask_plainly(const AskFlags& flags) {
  const auto lm = flags.model.make();
  const bool is_held = lm->capabilities().enforces_contract && lm->capabilities().prefill;
  if (!is_held && !flags.grammar.empty()) {
    throw Error(
        Errc::unsupported,
        std::format(
            "`{}` cannot be constrained by a grammar; use a local model, or describe the reply with a signature",
            lm->model()));
  }
  Request request{
      .messages = {{Role::user, question_of(flags)}}, .sampling = flags.model.sampling, .contract = contract_of(flags)};
  if (flags.stream) {
    const auto reply = wait(lm->stream(std::move(request), [](const StreamEvent& event) {
      if (event.kind == StreamEvent::Kind::text) std::cout << for_terminal(event.text) << std::flush;
    }));
    std::cout << '\n';
    if (!is_held) require_kept(flags, reply.text());
    tell_if_ended_early(reply);
    return exit_ok;
  }
  const auto reply = wait(lm->complete(std::move(request)));
  if (!is_held) require_kept(flags, reply.text());
  if (flags.json) {
    print_json(JsonObject{
        {"text", reply.text()},
        {"finish", to_string(reply.completion().finish)},
        {"closed_early", reply.completion().finish == FinishReason::length || !reply.completion().closed_early.empty()},
        {"usage", to_json(reply.usage)}});
  } else {
    print_line(reply.text());
  }
  tell_if_ended_early(reply);
  return exit_ok;
}

/// From an index; what is asked is then fixed.
int ask_from_index(const AskFlags& flags) {
  if (flags.has_contract() || flags.stream || !flags.inputs.empty())
    throw Error(Errc::bad_input, "--index answers a question from passages; omit --input, --stream and contracts");
  const auto question = question_of(flags);
  if (question.empty()) throw Error(Errc::bad_input, "--index needs a question");
  return ask_index(flags.index, question,
                   {.lm = flags.model.make(),
                    .adapter = adapter(flags.signature.adapter),
                    .sampling = flags.model.sampling,
                    .policy = flags.policy.make()},
                   flags.json);
}

int run_ask(const AskFlags& flags) {
  if (!flags.index.store.empty()) return ask_from_index(flags);
  if (flags.has_contract()) return ask_plainly(flags);
  const auto signature = flags.signature.make();
  auto inputs = checked_inputs(signature, inputs_of(signature, flags));
  auto policy = flags.policy.make();
  const Predictor predictor(signature, {.lm = flags.model.make(),
                                        .adapter = adapter(flags.signature.adapter),
                                        .sampling = flags.model.sampling,
                                        .policy = std::move(policy)});
  if (flags.json) {
    const auto prediction = predictor(std::move(inputs));
    print_json(to_json(prediction));
    tell_what_was_not_held(prediction.unenforced);
  } else if (flags.stream) {
    stream_outputs(predictor, std::move(inputs));
  } else {
    print_outputs(signature, predictor(std::move(inputs)), true);
  }
  return exit_ok;
}

/// Ways to say what the reply is instead of a signature; one at a time.
void add_contract(CLI::App& command, AskFlags& flags) {
  std::vector<CLI::Option*> others;
  for (const auto* name : {"--input", "--signature", "--instructions", "--adapter", "--cot"})
    others.push_back(command.get_option(name));
  for (auto* option :
       {command.add_option("--choices", flags.choices, "The reply is one of these texts, separated by commas")
            ->delimiter(','),
        command.add_option("--regex", flags.regex, "The whole reply matches this regular expression"),
        command.add_option("--grammar", flags.grammar, "The reply matches the grammar in this file (GBNF)")}) {
    option->group("Contract, instead of a signature");
    for (auto* other : others) option->excludes(other);
    others.push_back(option);
  }
}

/// An unset variable of a shell must not turn a contract off.
void require_contract(const CLI::App& command, const AskFlags& flags) {
  const auto require = [&](const char* name, bool is_empty) {
    if (command.count(name) != 0 && is_empty)
      throw CLI::ValidationError(name,
                                 "is empty, so it would not constrain the reply; give it a value, or omit the flag");
  };
  require("--choices", std::ranges::all_of(flags.choices, [](const std::string& choice) { return choice.empty(); }));
  require("--regex", flags.regex.empty());
  require("--grammar", flags.grammar.empty());
}

}  // namespace

void add_ask(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<AskFlags>();
  auto* command = app.add_subcommand("ask", "Ask a model one question and print the typed answer");
  command->add_option("question", flags->question, "The value of the first text input; - reads it from standard input");
  command->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  command->add_flag("--stream", flags->stream, "Print each field as it is written");
  command->add_flag("--json", flags->json, "Print {\"outputs\", \"usage\", \"flags\", \"violations\"?, \"failures\"?}");
  flags->signature.add_to(*command);
  add_contract(*command, *flags);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  flags->index.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dspy ask \"What is the capital of France?\"\n"
      "  dspy ask --cot -s \"question -> answer: int\" \"What is 7 * 8 + 5?\" --stream\n"
      "  dspy ask -s \"context, question -> answer\" --input context=\"Nora lives in Lima.\" "
      "--input question=\"Where does Nora live?\"\n"
      "  dspy ask -s \"question -> answer: list[int]\" \"Primes below 10?\" --ask-again 2 --fallback json --finally "
      "accept\n"
      "  dspy ask \"Is water wet?\" --choices yes,no");
  command->callback([flags, command, &plan] {
    require_contract(*command, *flags);
    plan = [flags] { return run_ask(*flags); };
  });
}

}  // namespace dspy::app
