#include "bulk/bulk_commands.hpp"
#include "dspy/base/file.hpp"
#include "dspy/bulk/merge.hpp"
#include "dspy/flow/flow.hpp"

#include <cstdint>
#include <format>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dspy::app {
namespace {

struct BulkCommandFlags {
  std::string folder;
  std::string to;
  std::string inputs;
  bool partial = false;
  bool with_inputs = false;
  bool json = false;
};

int merge(const BulkCommandFlags& flags) {
  const auto report = merge_bulk(
      flags.folder, flags.to,
      {.partial = flags.partial, .with_inputs = flags.with_inputs || !flags.inputs.empty(), .inputs = flags.inputs});
  if (flags.json) {
    print_json({{"rows", report.rows}, {"failed", report.failed}, {"missing", report.missing}});
  } else {
    print_line(std::format("{} rows in {}, {} of them with an error", report.rows, flags.to, report.failed));
    if (report.missing != 0) print_line(std::format("{} rows have no answer", report.missing));
  }
  return exit_ok;
}

int status(const BulkCommandFlags& flags) {
  const auto shards = bulk_status(flags.folder);
  std::map<std::string, std::size_t> states;
  BulkProgress sum;
  std::uint64_t missing = 0;
  double rate = 0;
  JsonArray list;
  for (const auto& shard : shards) {
    ++states[shard.state];
    sum.rows += shard.rows;
    sum.failed += shard.failed;
    sum.again += shard.again;
    if (shard.state == "damaged") missing += shard.expected - shard.rows;
    if (shard.state == "running" && shard.progress.seconds > 0)
      rate += static_cast<double>(shard.progress.rows) / shard.progress.seconds;
    list.push_back(JsonObject{{"shard", shard.index},
                              {"state", shard.state},
                              {"rows", shard.rows},
                              {"failed", shard.failed},
                              {"again", shard.again},
                              {"updated", shard.updated}});
  }
  if (flags.json) {
    print_json({{"shards", std::move(list)},
                {"rows", sum.rows},
                {"failed", sum.failed},
                {"again", sum.again},
                {"missing", missing},
                {"rows_per_second", rate}});
  } else {
    std::string line;
    for (const auto& [state, count] : states) line += std::format("{}{} {}", line.empty() ? "" : ", ", count, state);
    print_line(std::format("{} shards: {}", shards.size(), line));
    print_line(std::format("{} rows: {} answered, {} failed, {} to retry{}", sum.rows,
                           sum.rows - sum.failed - sum.again, sum.failed, sum.again,
                           rate > 0 ? std::format("; {:.1f} rows/s", rate) : std::string()));
    for (const auto& shard : shards) {
      if (shard.state == "lost" || shard.state == "stopped")
        print_line(std::format("shard {} is {}; run it again with --resume", shard.index, shard.state));
      if (shard.state == "damaged")
        print_line(
            std::format("shard {} is damaged: {} of its {} rows are there; restore its part files, or run it "
                        "again with --resume, which asks for the others",
                        shard.index, shard.rows, shard.expected));
    }
  }
  return exit_ok;
}

JsonArray names_of(const std::vector<Field>& fields) {
  JsonArray out;
  for (const auto& field : fields) out.emplace_back(field.name);
  return out;
}

int fields(const ProgramFlags& program) {
  Signature signature;
  if (is_flow(read_text(program.path, std::uintmax_t{256} << 20))) {
    signature = load_flow(program.path, {.accept_changed = program.accept_changed}).flow.signature();
  } else {
    const auto file = program.load();
    signature = program.make(program.choose(file), {}).signature();
  }
  print_json({{"inputs", names_of(signature.inputs)}, {"outputs", names_of(signature.outputs)}});
  return exit_ok;
}

}  // namespace

void add_bulk(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<BulkCommandFlags>();
  auto* command =
      app.add_subcommand("bulk", "Show the progress of `dspy run --out`, and merge its results into one file");
  command->require_subcommand(1);
  auto* merging = command->add_subcommand("merge", "Write the rows of all shards into one file, in the inputs' order");
  merging->add_option("folder", flags->folder, "The folder given to --out")->required();
  merging->add_option("--to", flags->to, "FILE.jsonl or FILE.csv")->required();
  merging->add_flag("--partial", flags->partial, "Also merge a run that is not complete");
  merging->add_flag("--with-inputs", flags->with_inputs, "Include each row's inputs with its outputs");
  merging->add_option("--inputs", flags->inputs, "Where the inputs are now, if they were moved");
  merging->add_flag("--json", flags->json, "Print {\"rows\", \"failed\", \"missing\"}");
  merging->callback([flags, &plan] { plan = [flags] { return merge(*flags); }; });
  auto* asking = command->add_subcommand("status", "Show the progress of a run's shards");
  asking->add_option("folder", flags->folder, "The folder given to --out")->required();
  asking->add_flag("--json", flags->json,
                   "Print {\"shards\", \"rows\", \"failed\", \"again\", \"missing\", \"rows_per_second\"}");
  asking->callback([flags, &plan] { plan = [flags] { return status(*flags); }; });
  auto program = std::make_shared<ProgramFlags>();
  auto* telling = command->add_subcommand("fields", "The names of a program's inputs and outputs, as JSON");
  telling->add_option("program", program->path, "A program file or a flow")->required();
  program->add_to(*telling);
  telling->callback([program, &plan] { plan = [program] { return fields(*program); }; });
}

}  // namespace dspy::app
