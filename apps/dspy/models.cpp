#include "command.hpp"
#include "dspy/llama/model_info.hpp"
#include "dspy/llama/model_pool.hpp"

#include <filesystem>
#include <format>

namespace dspy::app {
namespace {

struct ModelsFlags {
  std::string name;
  std::vector<std::string> directories;
  bool json = false;
};

llama::ModelPool make_pool(const ModelsFlags& flags) {
  llama::ModelPoolOptions options;
  for (const auto& directory : flags.directories) options.directories.emplace_back(directory);
  if (const auto embedded = embedded_model(); !embedded.empty()) {
    options.directories.push_back(std::filesystem::path(embedded).parent_path());
  }
  return llama::ModelPool(std::move(options));
}

int list_models(const ModelsFlags& flags) {
  const auto pool = make_pool(flags);
  const auto files = pool.list();
  if (flags.json) {
    JsonArray models;
    for (const auto& file : files) {
      models.push_back(JsonObject{{"name", file.name}, {"path", file.path.string()}, {"bytes", file.bytes}});
    }
    JsonArray directories;
    for (const auto& directory : pool.directories()) directories.push_back(Json(directory.string()));
    print_json({{"models", std::move(models)}, {"directories", std::move(directories)}});
    return exit_ok;
  }
  for (const auto& file : files) {
    print_line(
        std::format("{:<32} {:>10.1f} MB  {}", file.name, static_cast<double>(file.bytes) / 1e6, file.path.string()));
  }
  if (files.empty()) {
    print_line("no models; put GGUF files into one of these folders, or name others in DSPY_MODELS:");
    for (const auto& directory : pool.directories()) print_line("  " + directory.string());
  }
  return exit_ok;
}

int show_model(const ModelsFlags& flags) {
  const auto info = llama::inspect_model(make_pool(flags).find(flags.name));
  if (flags.json) {
    print_json(llama::to_json(info));
    return exit_ok;
  }
  print_line(std::format("{}: {}, {:.1f} million parameters, {} ({:.1f} MB), context {} tokens", info.name,
                         info.architecture, static_cast<double>(info.parameters) / 1e6, info.quantization,
                         static_cast<double>(info.file_bytes) / 1e6, info.context_length));
  for (const auto& weights : info.weights) {
    print_line(std::format("  {:<8} {:>5} tensors {:>10.1f} MB", weights.type, weights.tensors,
                           static_cast<double>(weights.bytes) / 1e6));
  }
  print_line("  " + info.path.string());
  return exit_ok;
}

}  // namespace

void add_models(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ModelsFlags>();
  auto* command = app.add_subcommand("models", "List the models at hand, or show one");
  command->require_subcommand(0, 1);
  const auto common = [&](CLI::App& sub) {
    sub.add_option("--directory", flags->directories, "Look in this folder first (may be repeated)");
    sub.add_flag("--json", flags->json, "Print one JSON object");
  };
  common(*command);
  auto* list = command->add_subcommand("list", "Every model file in the model folders");
  common(*list);
  auto* info = command->add_subcommand("info", "What one model's file says, read without loading it");
  info->add_option("name", flags->name, "A model's name or path")->required();
  common(*info);
  command->footer("Models are looked for in --directory, $DSPY_MODELS (separated by `:`) and ./models.");
  command->callback([flags, info, &plan] {
    const bool one = info->parsed();
    plan = [flags, one] { return one ? show_model(*flags) : list_models(*flags); };
  });
}

}  // namespace dspy::app
