#include "command.hpp"
#include "models/pulled.hpp"

#ifdef DSPY_WITH_MODELS

#include "dspy/base/wait.hpp"
#include "dspy/llama/model_info.hpp"
#include "dspy/llama/model_pool.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/pull.hpp"
#include "dspy/models/store.hpp"
#include "models/pull_bar.hpp"

#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct PulledFlags {
  std::vector<std::string> names;
  std::string directory;
  std::string as;
  std::string source;
  bool text_only = false;
  bool quiet = false;
  bool json = false;

  models::ModelStore store() const {
    return models::ModelStore(directory.empty() ? models::ModelStore::default_folder()
                                                : std::filesystem::path(directory));
  }
};

std::string size_text(std::uint64_t bytes) {
  return std::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

models::Pulled pull_one(const PulledFlags& flags, const std::string& source, const std::string& name) {
  PullBar bar(flags.quiet || flags.json);
  models::PullOptions options;
  options.name = name;
  options.with_senses = !flags.text_only;
  options.progress = [&](const models::PullProgress& progress) {
    if (progress.note.empty())
      bar.show(progress.file, progress.done, progress.total);
    else
      bar.say(std::format("{}: {}", progress.file, progress.note));
  };
  return wait(models::pull(source, models::Catalogue::of_user(), flags.store(), std::move(options)));
}

JsonObject json_of(const models::Pulled& pulled) {
  auto json = models::to_json(pulled.model);
  json["path"] = pulled.model.main_file().string();
  json["fetched_bytes"] = pulled.fetched;
  JsonArray changes;
  for (const auto& change : pulled.changes) {
    JsonObject told{{"file", change.name}, {"change", !change.before ? "new" : !change.after ? "gone" : "changed"}};
    if (change.before) told["sha256_before"] = change.before->sha256;
    if (change.after) told["sha256"] = change.after->sha256;
    changes.push_back(std::move(told));
  }
  json["changes"] = std::move(changes);
  if (pulled.before) json["revision_before"] = pulled.before->revision;
  return json;
}

/// What is another than before, a line each; nothing for a model that is new.
std::vector<std::string> words_of(const models::Pulled& pulled) {
  std::vector<std::string> out;
  if (!pulled.before) return out;
  const auto& before = *pulled.before;
  const auto short_form = [](const std::string& text) { return text.empty() ? "none" : text.substr(0, 12); };
  if (before.revision != pulled.model.revision)
    out.push_back(std::format("revision {} -> {}", short_form(before.revision), short_form(pulled.model.revision)));
  if (before.license != pulled.model.license)
    out.push_back(std::format("licence {} -> {}", before.license.empty() ? "none" : before.license,
                              pulled.model.license.empty() ? "none" : pulled.model.license));
  for (const auto& [name, old, now] : pulled.changes) {
    if (!old)
      out.push_back(std::format("new: {}, {}", name, size_text(now->bytes)));
    else if (!now)
      out.push_back(std::format("gone: {}, {}", name, size_text(old->bytes)));
    else
      out.push_back(std::format("changed: {}, {} -> {}, SHA-256 {} -> {}", name, size_text(old->bytes),
                                size_text(now->bytes), short_form(old->sha256), short_form(now->sha256)));
  }
  return out;
}

void tell(const PulledFlags& flags, const models::Pulled& pulled) {
  if (flags.json) return print_json(json_of(pulled));
  const auto& model = pulled.model;
  print_line(std::format("{}: {}, {}{}", model.name, size_text(model.bytes()),
                         pulled.fetched == 0 ? "nothing new" : size_text(pulled.fetched) + " fetched",
                         model.license.empty() ? ", its source names no licence" : ", licence " + model.license));
  for (const auto& words : words_of(pulled)) print_line("  " + words);
  print_line("  " + model.main_file().string());
  print_line(std::format("  use it as `llama:{}`", model.name));
}

int pull_models(const PulledFlags& flags) {
  if (!flags.as.empty() && flags.names.size() > 1)
    throw Error(Errc::bad_input, "--name applies to one model, and several are given; pull them one at a time");
  for (const auto& source : flags.names) tell(flags, pull_one(flags, source, flags.as));
  return exit_ok;
}

int update_models(const PulledFlags& flags) {
  const auto store = flags.store();
  std::vector<models::KeptModel> wanted;
  if (flags.names.empty()) {
    wanted = store.list();
  } else {
    for (const auto& name : flags.names) {
      auto model = store.find(name);
      if (!model)
        throw Error(Errc::model_not_found,
                    std::format("no model `{}` was pulled into `{}`; `dspy models pull` downloads one", name,
                                store.folder().string()),
                    {.model = name});
      wanted.push_back(*std::move(model));
    }
  }
  if (wanted.empty() && !flags.json) print_line(std::format("no model was pulled into `{}`", store.folder().string()));
  // One that is gone from its hub does not keep the others from being updated.
  std::optional<Error> failed;
  int failures = 0;
  for (const auto& model : wanted) {
    try {
      tell(flags, pull_one(flags, model.source, model.name));
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled || wanted.size() == 1) throw;
      ++failures;
      PullBar(false).say(std::format("{}: {}", model.name, error.what()));
      failed = error;
    }
  }
  if (failed) throw Error(failed->code(), std::format("{} of {} models could not be updated", failures, wanted.size()));
  return exit_ok;
}

int remove_models(const PulledFlags& flags) {
  const auto store = flags.store();
  JsonArray removed;
  for (const auto& name : flags.names) {
    const auto model = store.find(name);
    store.remove(name);
    JsonObject told{{"name", name}};  // what did not come whole has no size that was noted
    if (model) told["bytes"] = model->bytes();
    removed.push_back(std::move(told));
    if (!flags.json)
      print_line(model ? std::format("{}: removed, {} are free", name, size_text(model->bytes()))
                       : std::format("{}: the partial download is removed", name));
  }
  if (flags.json) print_json({{"removed", std::move(removed)}});
  return exit_ok;
}

int show_model(const PulledFlags& flags) {
  llama::ModelPoolOptions options;
  if (!flags.directory.empty()) options.directories.emplace_back(flags.directory);
  const auto& name = flags.names.front();
  const auto kept = flags.store().find(name);
  const auto info = llama::inspect_model(kept ? kept->main_file() : llama::ModelPool(options).find(name));
  if (flags.json) {
    auto json = llama::to_json(info);
    if (kept) json["pulled"] = models::to_json(*kept);
    print_json(json);
    return exit_ok;
  }
  print_line(std::format("{}: {}, {:.1f} million parameters, {} ({}), context {} tokens", info.name, info.architecture,
                         static_cast<double>(info.parameters) / 1e6, info.quantization, size_text(info.file_bytes),
                         info.context_length));
  if (kept) {
    print_line(std::format("  from {}{}, {}", kept->source,
                           kept->revision.empty() ? "" : " at " + kept->revision.substr(0, 12), kept->pulled));
    print_line("  licence " + (kept->license.empty() ? "unknown" : kept->license));
    for (const auto& file : kept->files)
      print_line(std::format("  {}  {}  {}", file.name, size_text(file.bytes), file.sha256));
  }
  print_line("  " + info.path.string());
  return exit_ok;
}

int show_catalogue(const PulledFlags& flags) {
  const auto catalogue = models::Catalogue::of_user();
  if (flags.json) {
    JsonArray entries;
    for (const auto& entry : catalogue.entries()) {
      entries.push_back(JsonObject{
          {"name", entry.name}, {"source", entry.source}, {"license", entry.license}, {"about", entry.about}});
    }
    print_json({{"models", std::move(entries)}});
    return exit_ok;
  }
  for (const auto& entry : catalogue.entries()) {
    print_line(std::format("{:<16} {:<28} {:<20} {}", entry.name, entry.about, entry.license, entry.source));
  }
  return exit_ok;
}

}  // namespace

std::vector<CLI::App*> add_pulled(CLI::App& models, Plan& plan) {
  auto flags = std::make_shared<PulledFlags>();
  std::vector<CLI::App*> out;
  const auto add = [&](const char* name, const char* about, int (*run)(const PulledFlags&)) {
    auto* const command = models.add_subcommand(name, about);
    command->add_option("--directory", flags->directory,
                        "The folder of pulled models (default: $DSPY_MODELS, the user's data)");
    command->add_flag("--json", flags->json, "Print one JSON object for each");
    command->callback([flags, run, &plan] { plan = [flags, run] { return run(*flags); }; });
    out.push_back(command);
    return command;
  };
  auto* const pull =
      add("pull", "Download models: a name from the catalogue, hf:owner/repository[:file], ollama:name, or a URL",
          &pull_models);
  pull->add_option("model", flags->names, "What to fetch")->required();
  pull->add_option("--name", flags->as, "Keep it under this name");
  auto* const update = add("update", "Download changes to pulled models (default: all)", &update_models);
  update->add_option("name", flags->names, "Names of pulled models");
  for (auto* const command : {pull, update}) {
    command->add_flag("--text-only", flags->text_only, "Skip image and audio parts (mmproj)");
    command->add_flag("--quiet", flags->quiet, "No progress");
  }
  pull->footer(
      "HF_TOKEN goes with requests to the hub; HF_ENDPOINT and OLLAMA_ENDPOINT name mirrors; HTTPS_PROXY is obeyed.\n"
      "Run the same command again to resume an interrupted pull.");
  add("rm", "Delete models that were pulled", &remove_models)
      ->add_option("name", flags->names, "Names of pulled models")
      ->required();
  add("show", "Show a model's source, licence and files", &show_model)
      ->add_option("name", flags->names, "A model's name or path")
      ->required()
      ->expected(1);
  add("catalogue", "List the names that can be pulled", &show_catalogue)
      ->footer("Add your own in ~/.config/dspy/models.toml, or the file that $DSPY_CATALOGUE names.");
  return out;
}

}  // namespace dspy::app

#else

namespace dspy::app {

std::vector<CLI::App*> add_pulled(CLI::App&, Plan&) {
  return {};
}

}  // namespace dspy::app

#endif
