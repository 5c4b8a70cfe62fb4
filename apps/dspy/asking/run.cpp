#include "asking/lines.hpp"
#include "bulk/bulk_commands.hpp"
#include "command.hpp"
#include "flows.hpp"

#include <fstream>
#include <iostream>

namespace dspy::app {
namespace {

struct RunFlags {
  ProgramFlags program;
  std::vector<std::string> inputs;
  std::string inputs_file;
  ModelFlags model;
  PolicyFlags policy;
  BulkFlags bulk;
  bool batch = false;
  bool json = false;
  std::size_t jobs = 1;
};

int run_batch(const RunFlags& flags) {
  const auto policy = flags.policy.make();
  const auto lm = flags.model.make();
  answer_lines(
      standard_input(),
      [&](const JsonObject& line) {
        auto job = read_job(line);
        const Predictor predictor(std::move(job.signature), {.demos = std::move(job.demos),
                                                             .lm = lm,
                                                             .adapter = std::move(job.adapter),
                                                             .sampling = flags.model.sampling,
                                                             .policy = policy});
        return to_json(predictor(std::move(job.inputs), {.history = std::move(job.history)}));
      },
      flags.jobs);
  return exit_ok;
}

template <class Program>
int run_inputs_file(const Program& program, const std::string& path, std::size_t jobs) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Errc::io_error, "cannot read the inputs `" + path + "`; check the path");
  answer_lines(in, [&](const JsonObject& line) { return to_json(program(line)); }, jobs);
  return exit_ok;
}

int run_flow(const Flow& flow, const RunFlags& flags) {
  if (!flags.inputs_file.empty()) return run_inputs_file(flow, flags.inputs_file, flags.jobs);
  const auto& signature = flow.signature();
  const auto prediction = flow(checked_inputs(signature, read_inputs(signature, flags.inputs)));
  if (flags.json) {
    print_json(to_json(prediction));
  } else {
    print_outputs(signature, prediction, false);
  }
  return exit_ok;
}

int run_program(const RunFlags& flags) {
  if (flags.batch) return run_batch(flags);
  if (!flags.bulk.out.empty()) {
    auto ready = ready_program(flags.program, flags.model, flags.policy);
    return run_shard(std::move(ready.program), ready.signature, ready.source, flags.inputs_file, flags.jobs, flags.bulk,
                     flags.json);
  }
  if (flags.program.path.empty()) {
    throw Error(Errc::bad_input, "name a program file, or give --batch and JSONL on standard input");
  }
  if (const auto loaded = read_flow(flags.program.path, flags.program, flags.model, flags.policy))
    return run_flow(loaded->flow, flags);
  const auto file = flags.program.load();
  const auto& saved = flags.program.choose(file);
  const auto predictor = flags.program.make(saved, {.sampling = flags.model.sampling, .policy = flags.policy.make()});
  if (const auto functions = ProgramFlags::functions_of(saved); !functions.empty())
    std::cerr << "dspy: note: the program was saved with " << functions
              << ", which only the C++ code that defined them can run\n";
  const auto& signature = predictor.signature();
  const auto with_model = [&] {
    auto copy = predictor;
    copy.set_lm(flags.model.make());
    return copy;
  };
  if (!flags.inputs_file.empty()) return run_inputs_file(with_model(), flags.inputs_file, flags.jobs);
  auto inputs = checked_inputs(signature, read_inputs(signature, flags.inputs));
  const auto prediction = with_model()(std::move(inputs));
  if (flags.json) {
    print_json(to_json(prediction));
  } else {
    print_outputs(signature, prediction, false);
  }
  return exit_ok;
}

}  // namespace

void add_run(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<RunFlags>();
  auto* command = app.add_subcommand("run", "Run a saved program, or many questions given as JSONL");
  command->add_option("program", flags->program.path,
                      "A program file, as dspy::save or Python DSPy wrote it, or a flow (.toml, .json)");
  command->add_option("--input", flags->inputs, "An input as name=value or {\"name\": value} (may be repeated)");
  command->add_option("--inputs", flags->inputs_file,
                      "A JSONL file with one object of inputs per line; prints one result per line. With --out also "
                      ".csv, .json, .parquet");
  command->add_flag("--batch", flags->batch,
                    "Read {\"signature\", \"inputs\", \"instructions\"?, \"module\"?, \"demos\"?, \"history\"?, "
                    "\"adapter\"?} a line from standard input");
  command
      ->add_option("-j,--jobs,--concurrency", flags->jobs,
                   "With --batch or --inputs: how many to run at once; the order is kept")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print {\"outputs\", \"usage\", \"flags\", \"violations\"?, \"failures\"?}");
  flags->program.add_to(*command);
  flags->model.add_to(*command);
  flags->policy.add_to(*command);
  flags->bulk.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dspy run triage.json --input ticket=\"It broke.\"\n"
      "  dspy run support.toml --input ticket=\"It broke.\"\n"
      "  dspy run triage.json --inputs big.jsonl --out results --shard 3/64 --resume\n"
      "  echo '{\"signature\": \"question -> answer\", \"inputs\": {\"question\": \"2+2?\"}}' | dspy run --batch");
  command->callback([flags, &plan] { plan = [flags] { return run_program(*flags); }; });
}

}  // namespace dspy::app
