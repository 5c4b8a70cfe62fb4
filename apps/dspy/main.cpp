// dspy: program language models from the command line.

#include "agents/agent_commands.hpp"
#include "bulk/bulk_commands.hpp"
#include "command.hpp"
#include "data/data_commands.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "flags/telemetry.hpp"
#include "measuring/label.hpp"
#include "migration/migration.hpp"
#include "operations.hpp"
#include "retrieval/index.hpp"
#include "retrieval/rag.hpp"
#include "serving/serving.hpp"
#include "starting/starting.hpp"

#include <csignal>
#include <cstring>
#include <format>
#include <iostream>
#include <optional>
#include <vector>

namespace dspy::app {

int exit_code_of(const Error& error) {
  switch (error.code()) {
    case Errc::signature_error:
    case Errc::bad_input:
    case Errc::invalid_parameter:
    case Errc::config_error: return exit_usage;
    default: return exit_failed;
  }
}

}  // namespace dspy::app

namespace {

/// True if the user asked for output that a program reads.
bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) return true;
  }
  return false;
}

/// The first argument that is not a flag, if it is not a command either.
std::optional<std::string> unknown_command(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with('-')) continue;
    const auto commands = app.get_subcommands([&](const CLI::App* command) { return command->check_name(argv[i]); });
    return commands.empty() ? std::optional(std::string(argument)) : std::nullopt;
  }
  return std::nullopt;
}

dspy::Error no_command(const CLI::App& app, const std::string& given) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  const auto meant = dspy::text::nearest(given, names);
  return {dspy::Errc::bad_input,
          std::format("there is no command `{}`; {}", dspy::text::invalid_utf8(given) ? "(not UTF-8)" : given,
                      meant ? std::format("did you mean `{}`?", *meant)
                            : std::format("use {}", dspy::text::enumerate(names, "`")))};
}

int report(const dspy::Error& error, bool json) {
  dspy::app::tell_what_was_not_held(error.info().unenforced);
  if (json) {
    dspy::app::print_json(dspy::app::error_object(error));
  } else {
    std::cerr << "dspy: error: " << error.what() << '\n';
  }
  return dspy::app::exit_code_of(error);
}

void add_commands(CLI::App& app, dspy::app::Plan& plan) {
  using namespace dspy::app;
  add_ask(app, plan);
  add_run(app, plan);
  add_bulk(app, plan);
  add_worker(app, plan);
#ifdef DSPY_WITH_PROVIDERS
  add_batch(app, plan);
#endif
  add_render(app, plan);
  add_parse(app, plan);
  add_inspect(app, plan);
  add_models(app, plan);
  add_doctor(app, plan);
  add_schema(app, plan);
  add_check(app, plan);
  add_codegen(app, plan);
  add_eval(app, plan);
  add_compare(app, plan);
  add_decide(app, plan);
  add_label(app, plan);
  add_optimize(app, plan);
  add_index(app, plan);
  add_rag(app, plan);
  add_mcp(app, plan);
  add_registry(app, plan);
  add_experiment(app, plan);
  add_bench(app, plan);
  add_lm(app, plan);
  add_mock(app, plan);
  add_cache(app, plan);
  add_trace(app, plan);
  add_traces(app, plan);
  add_list(app, plan);
  add_runs(app, plan);
  add_keys(app, plan);
  add_agent(app, plan);
  add_tools(app, plan);
  add_metrics(app, plan);
  add_serve(app, plan);
  add_ui(app, plan);
  add_migrate(app, plan);
  add_new(app, plan);
  add_generate(app, plan);
}

void add_examples(CLI::App& app) {
  app.footer(
      "Examples:\n"
      "  dspy ask \"What is the capital of France?\"\n"
      "  dspy ask --signature \"question -> answer: int\" --cot \"What is 7 * 8 + 5?\"\n"
      "  dspy render --signature \"ticket -> priority: Literal['low', 'high']\" --input ticket=\"It broke.\"\n"
      "  echo \"Answer: 4\" | dspy parse --signature \"question -> answer: int\"\n"
      "\n"
      "Exit codes: 0 success; 1 a reply could not be read or a model failed; 2 invalid flags or values.\n"
      "`dspy COMMAND --help` says more.");
}

void log_to_standard_error() {
  dspy::set_log_sink(
      [](dspy::LogLevel level, std::string_view component, std::string_view message) {
        // The inference library warns of what is meant, such as a context above the trained one.
        if (component == "libllama" && level == dspy::LogLevel::warning) return;
        std::cerr << std::format("dspy: {}: {}\n", dspy::to_string(level), message);
      },
      dspy::LogLevel::warning);
}

int carry_out(const dspy::app::Plan& plan, bool json) {
  try {
    const int code = plan();
    std::cout.flush();
    if (!std::cout) throw dspy::Error(dspy::Errc::io_error, "cannot write to standard output; is the disk full?");
    return code;
  } catch (const dspy::Error& error) {
    return report(error, json);
  } catch (const std::exception& error) {
    return report(dspy::Error(dspy::Errc::inference_failed, error.what()), json);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may grow no more is an error of the write, which is told
  CLI::App app("Program language models: typed questions, local models, readable replies.\n", "dspy");
  app.set_version_flag("--version", std::format("dspy {}", dspy::version()));
  app.require_subcommand(1);
  dspy::app::Plan plan;
  add_commands(app, plan);
  add_examples(app);  // after the commands, which would take it for their own

  const bool json = wants_json(argc, argv);
  if (const auto command = unknown_command(app, argc, argv)) return report(no_command(app, *command), json);
  log_to_standard_error();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? dspy::app::exit_ok : dspy::app::exit_usage;
  }
  const int code = carry_out(plan, json);
  dspy::app::end_telemetry();
  return code;
}
