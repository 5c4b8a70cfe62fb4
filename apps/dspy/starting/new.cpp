#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "starting/project.hpp"
#include "starting/starting.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <system_error>

namespace dspy::app {
namespace {

namespace fs = std::filesystem;

struct NewFlags {
  std::string path;
  SignatureFlags signature;
};

int make_project(const NewFlags& flags) {
  const fs::path folder = flags.path;
  const auto name = folder.filename().string();
  const auto files = project_files(name, flags.signature.make());
  std::error_code code;
  if (fs::exists(folder, code) && !fs::is_empty(folder, code))
    throw Error(Errc::bad_input,
                std::format("`{}` already exists; name another folder, or move this one away", folder.string()));
  for (const auto& [path, text] : files) {
    const auto whole = folder / path;
    fs::create_directories(whole.parent_path(), code);
    if (code)
      throw Error(Errc::io_error, std::format("cannot create the folder `{}` ({}); check its permissions",
                                              whole.parent_path().string(), code.message()));
    replace_file(whole, text);
  }
  print_line(std::format("made {} with {} files", folder.string(), files.size()));
  if (files.at("data/dev.jsonl").empty())
    print_line("no sample values could be generated for the dataset; write rows into data/*.jsonl");
  print_line(
      std::format("next: cd {} && cmake -B build && cmake --build build && ctest --test-dir build", folder.string()));
  print_line(std::format("or:   cd {} && dspy serve programs/{}.json --reload", folder.string(), name));
  return exit_ok;
}

}  // namespace

void add_new(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<NewFlags>();
  auto* command = app.add_subcommand("new", "Create a project: program, dataset, evaluation, test, container file");
  command->add_option("name", flags->path, "The project's folder; its name becomes the project's")->required();
  flags->signature.add_to(*command);
  command->remove_option(command->get_option("--adapter"));  // the project's files choose it
  command->footer(
      "Example:\n"
      "  dspy new shop -s \"ticket -> category: Literal['billing', 'bug'], urgent: bool\" -i \"Sort the ticket.\"\n"
      "  cd shop && dspy serve programs/shop.json --reload");
  command->callback([flags, &plan] { plan = [flags] { return make_project(*flags); }; });
}

}  // namespace dspy::app
