#include "contracts/subject.hpp"

#include <format>
#include <iostream>

namespace dspy::app {
namespace {

struct SchemaFlags {
  std::string target;
  std::string dialect = "json_schema";
  ProgramFlags program;
  bool inputs = false;
  bool json = false;
};

JsonArray to_json(const std::vector<SchemaGap>& gaps) {
  JsonArray out;
  for (const auto& gap : gaps)
    out.push_back(
        JsonObject{{"path", gap.path}, {"keyword", gap.keyword}, {"message", gap.message}, {"refused", gap.refused}});
  return out;
}

ExportedSchema make_schema(const SchemaFlags& flags) {
  const auto dialect = schema_dialect(flags.dialect);
  const auto subject = read_subject(flags.target, flags.program);
  if (subject.schema) {
    auto exported = to_json_schema(subject.schema->type, dialect);
    exported.gaps.insert(exported.gaps.begin(), subject.schema->gaps.begin(), subject.schema->gaps.end());
    return exported;
  }
  if (!subject.signature) {  // says which predictors there are, or that they name no fields
    auto chosen = flags.program;
    chosen.path = flags.target;
    chosen.make(chosen.choose(*subject.program), {});
  }
  return to_json_schema(*subject.signature, dialect, flags.inputs ? Direction::input : Direction::output);
}

int run_schema(const SchemaFlags& flags) {
  const auto exported = make_schema(flags);
  if (flags.json) {
    print_json({{"dialect", flags.dialect},
                {"accepted", exported.is_accepted()},
                {"schema", exported.schema},
                {"gaps", to_json(exported.gaps)}});
  } else {
    print_line(to_pretty_text(exported.schema));
    std::cout.flush();
    for (const auto& gap : exported.gaps) {
      std::cerr << std::format("{} {}: {}{}\n", gap.path.empty() ? "(the whole)" : gap.path, gap.keyword, gap.message,
                               gap.refused ? "  [refused]" : "");
    }
  }
  return exported.is_accepted() ? exit_ok : exit_failed;
}

}  // namespace

void add_schema(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<SchemaFlags>();
  auto* command = app.add_subcommand(
      "schema", "Show the JSON Schema a provider would get, and which constraints it cannot express");
  command
      ->add_option("target", flags->target,
                   "A signature such as \"question -> answer: int\", or a file with a signature, a saved program or a "
                   "JSON Schema")
      ->required();
  command->add_option("-d,--dialect", flags->dialect, "json_schema (full 2020-12), openai, anthropic, gemini or llama")
      ->capture_default_str();
  command->add_flag("--inputs", flags->inputs, "The schema of the inputs, as for a tool, instead of the outputs");
  command->add_flag("--json", flags->json, "Print {\"dialect\", \"accepted\", \"schema\", \"gaps\"}");
  flags->program.add_to(*command);
  command->footer(
      "The schema goes to standard output.  What the dialect cannot express goes to standard error, one line each: "
      "the\nfield, the keyword, and what applies instead.  Exit code 1 if the provider would refuse the schema.\n"
      "Examples:\n"
      "  dspy schema \"ticket -> priority: Literal['low', 'high'], tags: set[str]\" --dialect openai\n"
      "  dspy schema order.schema.json --dialect gemini      (translates a schema)");
  command->callback([flags, &plan] { plan = [flags] { return run_schema(*flags); }; });
}

}  // namespace dspy::app
