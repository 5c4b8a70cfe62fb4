#include "command.hpp"
#include "dspy/llama/context_options.hpp"
#include "dspy/llama/hardware.hpp"
#include "dspy/llama/model_info.hpp"
#include "dspy/llama/model_pool.hpp"
#include "dspy/llama/quantize.hpp"
#include "models/model_speed.hpp"
#include "models/pulled.hpp"

#include <algorithm>
#include <filesystem>
#include <format>
#include <optional>

namespace dspy::app {
namespace {

struct ModelsFlags {
  std::string name;
  std::vector<std::string> directories;
  std::string output;
  std::string type = "q8_0";
  std::string kernels = "auto";
  int threads = 0;
  int sequences = 8;
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
      models.push_back(JsonObject{
          {"name", file.name}, {"model", "llama:" + file.name}, {"path", file.path.string()}, {"bytes", file.bytes}});
    }
    JsonArray directories;
    for (const auto& directory : pool.directories()) directories.push_back(Json(directory.string()));
    print_json({{"models", std::move(models)}, {"directories", std::move(directories)}});
    return exit_ok;
  }
  for (const auto& file : files) {
    print_line(std::format("{:<32} {:>10.1f} MB  {}", "llama:" + file.name, static_cast<double>(file.bytes) / 1e6,
                           file.path.string()));
  }
  if (files.empty()) {
    print_line(
        "no models found; download one (`dspy models pull smollm2`), put GGUF files into one of these folders, or name "
        "other folders in DSPY_MODELS:");
    for (const auto& directory : pool.directories()) print_line("  " + directory.string());
  }
  return exit_ok;
}

/// Nothing where the inference library is not installed.
std::optional<llama::QuantizationAdvice> speed_advice(const llama::ModelInfo& info) {
  const auto hardware = attempt([] { return llama::Hardware::detect(); });
  if (!hardware) return std::nullopt;
  return llama::quantization_advice(info, *hardware);
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
  if (const auto advice = speed_advice(info)) print_line("  " + advice->words);
  return exit_ok;
}

int quantize_model(const ModelsFlags& flags) {
  const auto from = make_pool(flags).find(flags.name);
  const std::filesystem::path to =
      flags.output.empty() ? from.parent_path() / std::format("{}-{}.gguf", from.stem().string(), flags.type)
                           : std::filesystem::path(flags.output);
  llama::quantize(from, to, {.type = flags.type, .threads = flags.threads});
  const auto before = std::filesystem::file_size(from), after = std::filesystem::file_size(to);
  if (flags.json) {
    print_json({{"path", to.string()}, {"bytes", after}, {"bytes_before", before}, {"type", flags.type}});
  } else {
    print_line(std::format("{}: {:.1f} MB, from {:.1f} MB", to.string(), static_cast<double>(after) / 1e6,
                           static_cast<double>(before) / 1e6));
  }
  return exit_ok;
}

int bench_model(const ModelsFlags& flags) {
  const auto kernels = flags.kernels == "library" ? llama::Kernels::library : llama::Kernels::automatic;
  const auto model = make_pool(flags).load(flags.name, {.kernels = kernels});
  const auto speed = measure_speed(model, {.threads = flags.threads, .sequences = flags.sequences});
  const auto advice = speed_advice(model->info());
  if (flags.json) {
    auto json = to_json(speed);
    json["model"] = model->name();
    json["quantization"] = model->info().quantization;
    if (advice) json["advice"] = advice->words;
    print_json(json);
    return exit_ok;
  }
  print_line(std::format("{}, {}, {} thread{}, {}", model->name(), model->info().quantization, speed.threads,
                         speed.threads == 1 ? "" : "s", model->placement()));
  print_line(std::format("  reading a prompt    {:>9.1f} tokens/s", speed.prefill));
  for (const auto& [sequences, tokens] : speed.decode)
    print_line(std::format("  writing {:>3} at once  {:>9.1f} tokens/s", sequences, tokens));
  if (advice) print_line("  " + advice->words);
  return exit_ok;
}

}  // namespace

void add_models(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ModelsFlags>();
  auto* command = app.add_subcommand("models", "Download, list, show, measure and quantize models");
  command->require_subcommand(0, 1);
  const auto common = [&](CLI::App& sub) {
    sub.add_option("--directory", flags->directories, "Look in this folder first (may be repeated)");
    sub.add_flag("--json", flags->json, "Print one JSON object");
  };
  common(*command);
  auto* list = command->add_subcommand("list", "List every model file in the model folders");
  common(*list);
  auto* info = command->add_subcommand("info", "Show a model file's metadata without loading the model");
  info->add_option("name", flags->name, "A model's name or path")->required();
  common(*info);
  auto* bench = command->add_subcommand("bench", "Measure how fast this machine runs a model");
  bench->add_option("name", flags->name, "A model's name or path")->required();
  bench->add_option("--threads", flags->threads, "0: as many as help")->check(CLI::Range(0, 512));
  bench->add_option("--sequences", flags->sequences, "Measure up to this many concurrent replies")
      ->check(CLI::Range(1, 96));
  bench->add_option("--kernels", flags->kernels, "auto: dspy's where they support the model; library: llama.cpp's")
      ->check(CLI::IsMember({"auto", "library"}));
  common(*bench);
  auto* quantize = command->add_subcommand("quantize", "Write a model with quantized weights");
  quantize->add_option("name", flags->name, "A model's name or path, preferably with f16 or f32 weights")->required();
  quantize->add_option("output", flags->output, "The new file (default: next to the model, named after the type)");
  quantize->add_option("--type", flags->type, "Such as q8_0, q4_0, q4_k_m");
  quantize->add_option("--threads", flags->threads, "0: one per core")->check(CLI::Range(0, 512));
  common(*quantize);
  const auto pulling = add_pulled(*command, plan);
  command->footer(
      "Models are looked for in --directory, $DSPY_MODELS (separated by `:`), ./models and the folder that `pull` puts "
      "them in.");
  command->callback([flags, info, bench, quantize, pulling, &plan] {
    if (std::ranges::any_of(pulling, [](const CLI::App* each) { return each->parsed(); })) return;
    auto* const chosen = info->parsed()       ? &show_model
                         : bench->parsed()    ? &bench_model
                         : quantize->parsed() ? &quantize_model
                                              : &list_models;
    plan = [flags, chosen] { return chosen(*flags); };
  });
}

}  // namespace dspy::app
