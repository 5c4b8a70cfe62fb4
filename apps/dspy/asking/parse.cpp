#include "asking/lines.hpp"
#include "command.hpp"

#include <iostream>

namespace dspy::app {
namespace {

struct ParseFlags {
  SignatureFlags signature;
  bool batch = false;
  bool json = false;
};

JsonObject parse_completion(const Signature& signature, const Adapter& adapter, std::string_view completion) {
  auto reading = adapter.parse(signature, completion);
  if (!reading) throw to_error(reading.error());
  return {{"outputs", std::move(reading->outputs)}, {"flags", to_json(reading->flags)}};
}

int run_parse(const ParseFlags& flags) {
  if (flags.batch) {
    answer_lines(standard_input(), [](const JsonObject& line) {
      if (!line.contains("completion")) {
        throw Error(Errc::bad_input, "the line has no `completion`: the text to read");
      }
      const auto job = read_job(line);
      return parse_completion(job.signature, *job.adapter, job.completion);
    });
    return exit_ok;
  }
  const auto result = attempt([&] {
    const auto signature = flags.signature.make();
    return parse_completion(signature, *adapter(flags.signature.adapter), read_all(standard_input()));
  });
  print_json(result ? *result : error_object(result.error()));
  return result ? exit_ok : exit_code_of(result.error());
}

}  // namespace

void add_parse(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ParseFlags>();
  auto* command = app.add_subcommand("parse", "Parse a model's reply from standard input into typed fields");
  command->add_flag(
      "--batch", flags->batch,
      "Read one {\"signature\", \"completion\", \"instructions\"?, \"adapter\"?} per line; print one result per line");
  command->add_flag("--json", flags->json, "The output is always JSON; accepted for consistency");
  flags->signature.add_to(*command);
  command->footer(
      "Prints {\"outputs\", \"flags\"} and exits with 0, or {\"error\": {\"kind\", \"missing\", \"invalid\", "
      "\"message\",\n"
      "\"partial\", \"violations\": [{\"path\", \"rule\", \"value\", \"message\"}]}} and exits with 1.\n"
      "Example:\n  echo \"Answer: 4\" | dspy parse -s \"question -> answer: float\" --adapter field");
  command->callback([flags, &plan] { plan = [flags] { return run_parse(*flags); }; });
}

}  // namespace dspy::app
