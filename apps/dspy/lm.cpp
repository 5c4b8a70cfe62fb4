#include "command.hpp"

namespace dspy::app {

void add_lm(CLI::App& app, Plan& plan) {
  auto* command = app.add_subcommand("lm", "Language models: what is configured, and what they cost");
  command->require_subcommand(1);
  add_lm_show(*command, plan);
}

}  // namespace dspy::app
