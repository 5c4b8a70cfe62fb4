#include "dspy/programs/codegen.hpp"

#include "contracts/subject.hpp"
#include "dspy/base/file.hpp"

#include <filesystem>
#include <format>

namespace dspy::app {
namespace {

struct CodegenFlags {
  std::string target;
  std::string language = "cpp";
  CodegenOptions options = {.name = {}};
  ProgramFlags program;
  std::string output;
};

/// `support-triage.json` → `SupportTriage`.
std::string name_from(const std::string& target) {
  if (target.contains("->")) return "Task";
  std::string out;
  bool begins = true;
  for (const char c : std::filesystem::path(target).stem().string()) {
    const bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (!is_letter && (c < '0' || c > '9' || out.empty())) {
      begins = true;
      continue;
    }
    out += begins && is_letter ? static_cast<char>(c & ~0x20) : c;
    begins = false;
  }
  return out.empty() ? "Task" : out;
}

std::string generate(const CodegenFlags& flags) {
  auto options = flags.options;
  if (options.name.empty()) options.name = name_from(flags.target);
  constexpr std::size_t longest = 60;  // what a line of comment has room for
  options.source = flags.target.contains("->")
                       ? flags.target.size() <= longest ? std::format("`{}`", flags.target) : "a signature"
                       : std::filesystem::path(flags.target).filename().string();
  const auto subject = read_subject(flags.target, flags.program);
  if (subject.schema) return to_cpp(subject.schema->type, options);
  const bool is_one = !flags.program.predictor.empty() || !flags.program.signature.empty() || !subject.program;
  return is_one && subject.signature ? to_cpp(*subject.signature, options) : to_cpp(*subject.program, options);
}

int run_codegen(const CodegenFlags& flags) {
  const auto code = generate(flags);
  if (flags.output.empty()) {
    print_line(code.substr(0, code.size() - 1));
  } else {
    replace_file(flags.output, code);
  }
  return exit_ok;
}

}  // namespace

void add_codegen(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<CodegenFlags>();
  auto* command = app.add_subcommand("codegen", "Write a C++ header for a saved program, a signature or a JSON Schema");
  command->add_option("target", flags->target, "A saved program, a JSON Schema, or a signature such as \"q -> a: int\"")
      ->required();
  command->add_option("--lang", flags->language, "The language")->check(CLI::IsMember({"cpp"}))->capture_default_str();
  command->add_option("-n,--name", flags->options.name, "The struct's name [from the file's]");
  command->add_option("--namespace", flags->options.name_space, "The namespace, such as shop::support");
  command->add_option("-o,--output", flags->output, "The file to write, atomically [standard output]");
  flags->program.add_to(*command);
  command->footer(
      "For a program: a struct with typed modules, into which the file loads with `dspy::load`, and the signature of "
      "each\npredictor (with --predictor: only of that one).  For a JSON Schema: a struct for its values.  What C++ "
      "cannot express\nis an error, exit code 2.\n"
      "Examples:\n"
      "  dspy codegen triage.json --name Triage -o triage.hpp\n"
      "  dspy codegen \"ticket -> priority: Literal['low', 'high']\" --name Triage");
  command->callback([flags, &plan] { plan = [flags] { return run_codegen(*flags); }; });
}

}  // namespace dspy::app
