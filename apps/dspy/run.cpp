#include "command.hpp"
#include "dspy/modules/program_file.hpp"

#include <fstream>
#include <iostream>

namespace dspy::app {
namespace {

struct RunFlags {
  std::string program;
  std::string signature;
  std::vector<std::string> inputs;
  std::string inputs_file;
  ModelFlags model;
  bool batch = false;
  bool json = false;
};

int run_batch(const RunFlags& flags) {
  const auto lm = flags.model.make();
  answer_lines(std::cin, [&](const JsonObject& line) {
    auto job = read_job(line);
    const Predictor predictor(
        std::move(job.signature),
        {.demos = std::move(job.demos), .lm = lm, .adapter = std::move(job.adapter), .sampling = flags.model.sampling});
    auto answer = to_json(predictor(std::move(job.inputs), {.history = std::move(job.history)}));
    std::cout.flush();
    return answer;
  });
  return exit_ok;
}

int run_inputs_file(const Predictor& predictor, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io_error, "cannot read the inputs `" + path + "`; check the path");
  answer_lines(in, [&](const JsonObject& line) { return to_json(predictor(line)); });
  return exit_ok;
}

int run_program(const RunFlags& flags) {
  if (flags.batch) return run_batch(flags);
  if (flags.program.empty()) {
    throw Error(Errc::bad_input, "name a program file, or give --batch and JSONL on standard input");
  }
  const auto given = flags.signature.empty() ? std::optional<Signature>() : Signature::parse(flags.signature);
  const auto program = load_program(flags.program, given);
  auto options = PredictorOptions{.sampling = flags.model.sampling};
  if (!flags.inputs_file.empty()) {
    options.lm = flags.model.make();
    return run_inputs_file(to_predictor(program, std::move(options)), flags.inputs_file);
  }
  auto inputs = checked_inputs(program.signature, read_inputs(program.signature, flags.inputs));
  options.lm = flags.model.make();
  const auto prediction = to_predictor(program, std::move(options))(std::move(inputs));
  if (flags.json) {
    print_json(to_json(prediction));
  } else {
    for (const auto& field : program.signature.outputs) {
      print_line(field.label + ": " + shown(prediction.at(field.name)));
    }
  }
  return exit_ok;
}

}  // namespace

void add_run(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<RunFlags>();
  auto* command = app.add_subcommand("run", "Run a saved program, or many questions given as JSONL");
  command->add_option("program", flags->program, "A program file, as save_program or Python DSPy wrote it");
  command->add_option("-s,--signature", flags->signature,
                      "The signature, for files of Python DSPy that do not name fields");
  command->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  command->add_option("--inputs", flags->inputs_file,
                      "A JSONL file: an object of inputs a line; prints a result a line");
  command->add_flag("--batch", flags->batch,
                    "Read {\"signature\", \"inputs\", \"instructions\"?, \"module\"?, \"demos\"?, \"history\"?, "
                    "\"adapter\"?} a line from standard input");
  command->add_flag("--json", flags->json, "Print {\"outputs\", \"usage\", \"flags\"}");
  flags->model.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dspy run triage.json --input ticket=\"It broke.\"\n"
      "  echo '{\"signature\": \"question -> answer\", \"inputs\": {\"question\": \"2+2?\"}}' | dspy run --batch");
  command->callback([flags, &plan] { plan = [flags] { return run_program(*flags); }; });
}

}  // namespace dspy::app
