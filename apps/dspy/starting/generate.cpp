#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/codegen.hpp"
#include "starting/project.hpp"
#include "starting/starting.hpp"
#include "starting/templates.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace dspy::app {
namespace {

namespace fs = std::filesystem;

struct GenerateFlags {
  std::string kind;
  std::string name;
  SignatureFlags signature;
  bool overwrite = false;
};

/// Where it goes in a project that `dspy new` made, and what it says.
std::pair<std::string, std::string> generated(const GenerateFlags& flags) {
  const auto identifier = identifier_of(flags.name);
  if (flags.kind == "program")
    return {"programs/" + flags.name + ".json", editable_program(Predictor(flags.signature.make()))};
  if (flags.kind == "signature")
    return {"src/" + identifier + ".hpp",
            to_cpp(flags.signature.make(), {.name = type_name_of(flags.name), .source = "a signature"})};
  const auto* const text = flags.kind == "metric" ? templates::metric : templates::tool;
  return {std::format("src/{}_{}.hpp", identifier, flags.kind), filled(text, {{"IDENTIFIER", identifier}})};
}

int generate(const GenerateFlags& flags) {
  require_project_name(flags.name);
  const auto [path, text] = generated(flags);
  std::error_code code;
  if (fs::exists(path, code) && !flags.overwrite)
    throw Error(Errc::bad_input, std::format("`{}` already exists; choose another name, or give --overwrite", path));
  fs::create_directories(fs::path(path).parent_path(), code);
  replace_file(path, text);
  print_line("wrote " + path);
  return exit_ok;
}

}  // namespace

void add_generate(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<GenerateFlags>();
  auto* command = app.add_subcommand("generate", "Add a program, a signature, a metric or a tool to a project");
  command->add_option("kind", flags->kind, "program, signature, metric or tool")
      ->required()
      ->check(CLI::IsMember({"program", "signature", "metric", "tool"}));
  command->add_option("name", flags->name, "What it is called")->required();
  command->add_flag("--overwrite", flags->overwrite, "Overwrite an existing file");
  flags->signature.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dspy generate program triage -s \"ticket -> category: Literal['billing', 'bug']\"\n"
      "  dspy generate metric category");
  command->callback([flags, &plan] { plan = [flags] { return generate(*flags); }; });
}

}  // namespace dspy::app
