#include "command.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/middleware/cache_warming.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "dspy/storage/remote_cache.hpp"
#include "flags/model_flags.hpp"

#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <optional>

namespace dspy::app {
namespace {

struct CacheFlags {
  std::string directory;
  std::string model;
  std::string program;
  std::optional<double> older_than_hours;
  std::string trace;
  bool all = false;
  bool json = false;
};

/// The folder that is meant: `--directory`, else that of the configuration.
std::string folder_of(const CacheFlags& flags) {
  const auto folder = flags.directory.empty() ? Config::load().cache().directory : flags.directory;
  if (folder.empty())
    throw Error(Errc::bad_input, "no cache was named; give --directory DIR, or name one in dspy.toml under [cache]");
  return folder;
}

/// Opened only if it is there: looking at a cache must not make one.
std::shared_ptr<CacheStore> open(const CacheFlags& flags) {
  const auto folder = folder_of(flags);
  if (!folder.starts_with("~") && !std::filesystem::exists(std::filesystem::path(folder) / "replies.sqlite"))
    throw Error(Errc::io_error, std::format("`{}` does not contain a cache; check the folder", folder));
  return open_disk_cache(folder);
}

CacheTime now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

int run_stats(const CacheFlags& flags) {
  const auto store = open(flags);
  const auto stats = store->stats();
  std::map<std::string, std::uint64_t> by_model;
  std::uint64_t expired = 0;
  const auto at = now();
  store->each([&](const CacheEntry& entry) {
    ++by_model[entry.model];
    expired += entry.expires && *entry.expires <= at ? 1 : 0;
  });
  if (flags.json) {
    JsonObject models;
    for (const auto& [model, count] : by_model) models[model] = count;
    print_json({{"directory", folder_of(flags)},
                {"entries", stats.entries},
                {"bytes", stats.bytes},
                {"expired", expired},
                {"damaged", store->stats().damaged},
                {"models", std::move(models)}});
    return exit_ok;
  }
  print_line(std::format("{} replies, {:.1f} MB, {} of them expired", stats.entries,
                         static_cast<double>(stats.bytes) / 1e6, expired));
  for (const auto& [model, count] : by_model) print_line(std::format("{:>8} {}", count, model));
  return exit_ok;
}

int run_clear(const CacheFlags& flags) {
  CacheFilter filter{.model = flags.model, .program = flags.program, .older_than = {}};
  if (flags.older_than_hours)
    filter.older_than = std::chrono::milliseconds(static_cast<std::int64_t>(*flags.older_than_hours * 3.6e6));
  if (filter == CacheFilter() && !flags.all)
    throw Error(Errc::bad_input, "say what to delete: --model, --program, --older-than, or --all");
  const auto erased = open(flags)->erase(filter, now());
  if (flags.json) {
    print_json({{"erased", static_cast<std::uint64_t>(erased)}});
  } else {
    print_line(std::format("{} replies erased", erased));
  }
  return exit_ok;
}

int run_export(const CacheFlags& flags) {
  open(flags)->each([&](const CacheEntry& entry) {
    if (!flags.model.empty() && flags.model != entry.model) return;
    auto reply = parse_json(entry.value);
    JsonObject line{{"key", entry.key}, {"created", std::format("{:%FT%T}Z", entry.created)}, {"model", entry.model}};
    if (entry.expires) line["expires"] = std::format("{:%FT%T}Z", *entry.expires);
    if (!entry.program.empty()) line["program"] = entry.program;
    line["reply"] = reply ? *std::move(reply) : Json(entry.value);
    print_json(line);
  });
  return exit_ok;
}

/// The cache that the LM of that name will look into.
CacheOptions options_for(const Config& config, const CacheFlags& flags) {
  auto options = config.cache();
  options.enable_cache = true;
  options.directory = folder_of(flags);
  options.mode = CacheOptions::Mode::read_write;
  if (flags.directory.empty() && !config.remote_cache().empty() && !options.directory.empty())
    options.store = tiered(open_disk_cache(options.directory), std::make_shared<RemoteCache>(config.remote_cache()));
  if (const auto named = config.lms().find(flags.model); named != config.lms().end() && named->second.cache_ttl_secs)
    options.cache_ttl_secs = *named->second.cache_ttl_secs;
  return options;
}

int run_warm(const CacheFlags& flags) {
  std::ifstream trace(flags.trace, std::ios::binary);
  if (!trace) throw Error(Errc::io_error, std::format("the trace `{}` cannot be read; check the path", flags.trace));
  const auto lm = make_lm(flags.model);
  const auto cache = std::make_shared<Cache>(options_for(Config::load(), flags));
  const auto warmed = warm_cache(cache, *lm, trace);
  if (flags.json) {
    print_json({{"kept", warmed.kept}, {"known", warmed.known}, {"left_out", warmed.left_out}});
  } else {
    print_line(
        std::format("{} replies kept, {} known already, {} left out", warmed.kept, warmed.known, warmed.left_out));
  }
  return exit_ok;
}

}  // namespace

void add_cache(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<CacheFlags>();
  auto* command = app.add_subcommand("cache", "Inspect, warm, clear or export a cache of replies");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(const CacheFlags&)) {
    auto* const verb = command->add_subcommand(name, what);
    verb->add_option("-d,--directory", flags->directory, "The cache's folder [that of dspy.toml]");
    verb->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return verb;
  };
  add("stats", "Count the replies, by model", run_stats)
      ->add_flag("--json", flags->json, "Print {\"entries\", \"bytes\", \"models\", …}");
  auto* const clear = add("clear", "Erase replies", run_clear);
  clear->add_option("--model", flags->model, "Those of this model");
  clear->add_option("--program", flags->program, "Those of this program");
  clear->add_option("--older-than", flags->older_than_hours, "Only replies written more than this many hours ago")
      ->check(CLI::NonNegativeNumber);
  clear->add_flag("--all", flags->all, "All of them");
  clear->add_flag("--json", flags->json, "Print {\"erased\"}");
  add("export", "Print all replies, one JSON object a line", run_export)
      ->add_option("--model", flags->model, "Those of this model");
  auto* const warm =
      add("warm", "Put the replies in a trace into the cache, for requests that will be made again", run_warm);
  warm->add_option("TRACE", flags->trace, "A file of JsonlTrace, with content")->required();
  warm->add_option("-m,--model", flags->model, "The model that will be asked [as for `dspy ask`]");
  warm->add_flag("--json", flags->json, "Print {\"kept\", \"known\", \"left_out\"}");
  command->footer("Example:\n  dspy cache clear --directory ~/.cache/dspy --older-than 24");
}

}  // namespace dspy::app
