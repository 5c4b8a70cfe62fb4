#include "config/config_reader.hpp"

#include "config/place.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <toml++/toml.hpp>

#include <cstdlib>
#include <format>

namespace dspy {
namespace {

constexpr std::size_t most_log_megabytes = 1'000'000;

KeySource read_key(const Place& place, const toml::node& value) {
  const auto& table = place.table(value, "key");
  KeySource out;
  int sources = 0;
  const auto from = [&](KeySource::Kind kind) -> Setter {
    return [&, kind](const toml::node& given) {
      ++sources;
      out = {.kind = kind, .text = place.text(given)};
    };
  };
  place.read(table, "`key`",
             {{"env", from(KeySource::Kind::variable)},
              {"file", from(KeySource::Kind::file)},
              {"command", from(KeySource::Kind::command)}});
  if (sources != 1 || out.text.empty())
    place.fail(table.source(), "`key` needs one of `env`, `file` and `command`, such as {env = \"OPENAI_API_KEY\"}");
  return out;
}

/// What `more` says goes before what `into` says, table by table.
void lay_over(toml::table& into, const toml::table& more) {
  for (const auto& [key, value] : more) {
    auto* const before = into.get(key.str());
    if (before != nullptr && before->is_table() && value.is_table()) {
      lay_over(*before->as_table(), *value.as_table());
    } else {
      into.insert_or_assign(key, value);
    }
  }
}

void choose_profile(const Place& place, toml::table& root, std::string_view profile) {
  const auto* const node = root.get("profile");
  if (node != nullptr) place.table(*node, "profile");
  const auto profiles = node != nullptr ? *node->as_table() : toml::table();
  root.erase("profile");
  if (profile.empty()) return;
  const auto* const chosen = profiles.get(profile);
  if (chosen == nullptr) {
    std::vector<std::string> names;
    for (const auto& [each, unused] : profiles) names.emplace_back(each.str());
    place.fail(root.source(), std::format("there is no profile `{}`; {}", profile,
                                          names.empty() ? "add one as [profile.NAME]"
                                                        : "there is " + text::enumerate(names, "`", "and")));
  }
  lay_over(root, place.table(*chosen, std::format("profile.{}", profile)));
}

void read_lm(const Place& place, const toml::table& table, std::string_view name, LmConfig& lm) {
  const auto read_options = [&](const toml::node& value) {
    for (const auto& [key, option] : place.table(value, "options"))
      lm.options.emplace_back(std::string(key.str()), place.scalar(option));
  };
  const auto as_option = [&](std::string_view option) -> Setter {
    return [&, option](const toml::node& value) { lm.options.emplace_back(std::string(option), place.text(value)); };
  };
  place.read(
      table, std::format("`lm.{}`", name),
      {{"model", place.to(lm.model)},
       {"base_url", as_option("base_url")},
       {"api_key_env", as_option("api_key_env")},
       {"key", [&](const toml::node& value) { lm.key = read_key(place, value); }},
       {"options", read_options},
       {"fallbacks", place.to(lm.fallbacks)},
       {"context_window_fallbacks", place.to(lm.context_window_fallbacks)},
       {"content_policy_fallbacks", place.to(lm.content_policy_fallbacks)},
       {"max_retries", place.to(lm.retry.max_retries, true)},
       {"initial_backoff_ms", place.to(lm.retry.initial_backoff_ms, true)},
       {"max_backoff_ms", place.to(lm.retry.max_backoff_ms, true)},
       {"requests_per_minute", place.to(lm.limits.requests_per_minute)},
       {"tokens_per_minute", place.to(lm.limits.tokens_per_minute)},
       {"burst", place.to(lm.limits.burst)},
       {"concurrency", place.to(lm.limits.concurrency)},
       {"token_budget_limit", place.to(lm.limits.token_budget_limit)},
       {"max_requests", place.to(lm.budget.requests)},
       {"usd", place.to(lm.budget.usd)},
       {"usd_per_day", place.to(lm.budget.usd_per_day)},
       {"enable_cache", place.to(lm.enable_cache)},
       {"cache_ttl_secs", [&](const toml::node& value) { place.to(lm.cache_ttl_secs.emplace(), true)(value); }}});
  if (lm.model.empty())
    place.fail(table.source(), std::format("`lm.{}` needs `model`, such as \"llama:models/dspy-tiny.gguf\"", name));
  if (lm.retry.max_backoff_ms < lm.retry.initial_backoff_ms)
    place.fail(table.source(),
               std::format("`lm.{}` has `max_backoff_ms` = {}, which is less than `initial_backoff_ms` = {}", name,
                           lm.retry.max_backoff_ms, lm.retry.initial_backoff_ms));
}

CacheOptions::Mode read_mode(const Place& place, const toml::node& value) {
  const auto mode = place.text(value);
  using enum CacheOptions::Mode;
  if (mode == "read_write") return read_write;
  if (mode == "read_only") return read_only;
  if (mode == "write_only") return write_only;
  place.wrong(value, "read_write, read_only or write_only");
}

/// A path in which `~` is the home folder.
std::string in_home(std::string path) {
  const char* const home = std::getenv("HOME");
  if (path.starts_with("~/") && home != nullptr) path.replace(0, 1, home);
  return path;
}

LogConfig read_log(const Place& place, const toml::node& value) {
  const auto& table = place.table(value, "log");
  LogConfig out;
  std::string file;
  std::size_t megabytes = out.output.most_bytes >> 20;
  const auto read_form = [&](const toml::node& node) {
    const auto form = place.text(node);
    if (form != "plain" && form != "json") place.wrong(node, "plain or json");
    out.output.form = form == "json" ? LogForm::json : LogForm::plain;
  };
  const auto read_level = [&](const toml::node& node) {
    const auto level = place.text(node);
    for (const auto each : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
      if (level == to_string(each)) return static_cast<void>(out.minimum = each);
    }
    place.wrong(node, "debug, info, warning or error");
  };
  place.read(table, "`log`",
             {{"file", place.to(file)},
              {"form", read_form},
              {"level", read_level},
              {"megabytes", place.to(megabytes, false)},
              {"files", place.to(out.output.kept_files, true)}});
  if (file.empty()) place.fail(table.source(), "`log` needs `file`, a path or \"stderr\"");
  if (megabytes > most_log_megabytes)
    place.fail(table.source(),
               std::format("`megabytes` of `log` is {}; it may be up to {}", megabytes, most_log_megabytes));
  out.output.most_bytes = megabytes << 20;
  if (file != "stderr") out.output.file = in_home(std::move(file));
  return out;
}

}  // namespace

Config ConfigReader::read(std::string_view text, std::string_view name, std::string_view profile) {
  Config config;
  config.source_ = std::string(name);
  const Place place(config.source_);
  toml::table root;
  try {
    root = toml::parse(text, config.source_);
  } catch (const toml::parse_error& error) {
    place.fail(error.source(), std::string(error.description()));
  }
  choose_profile(place, root, profile);
  config.profile_ = std::string(profile);
  std::size_t memory_mb = 0;
  config.cache_.enable_cache = false;
  const auto read_lms = [&](const toml::node& value) {
    for (const auto& [key, table] : place.table(value, "lm")) {
      const auto what = std::format("lm.{}", key.str());
      read_lm(place, place.table(table, what), key.str(), config.lms_[std::string(key.str())]);
    }
  };
  const auto read_cache = [&](const toml::node& value) {
    const auto& table = place.table(value, "cache");
    config.cache_.enable_cache.reset();
    place.read(table, "`cache`",
               {{"enable_cache", place.to(config.cache_.enable_cache)},
                {"cache_ttl_secs", place.to(config.cache_.cache_ttl_secs, true)},
                {"directory", place.to(config.cache_.directory)},
                {"remote", place.to(config.remote_cache_)},
                {"mode", [&](const toml::node& mode) { config.cache_.mode = read_mode(place, mode); }},
                {"scope", place.to(config.cache_.scope)},
                {"memory_mb", place.to(memory_mb, false)}});
    // Who names a server wants it asked, as who names a folder does.
    if (!config.remote_cache_.empty() && !config.cache_.enable_cache) config.cache_.enable_cache = true;
    if (memory_mb != 0) config.cache_.memory_bytes = memory_mb << 20;
  };
  place.read(root, "the file",
             {{"default", place.to(config.default_lm_)},
              {"adapter", place.to(config.adapter_)},
              {"prices", place.to(config.price_file_)},
              {"lm", read_lms},
              {"cache", read_cache},
              {"log", [&](const toml::node& value) { config.log_ = read_log(place, value); }}});
  if (!config.default_lm_.empty() && !config.lms_.contains(config.default_lm_)) {
    std::vector<std::string> names;
    for (const auto& [each, unused] : config.lms_) names.push_back(each);
    place.fail(root.get("default")->source(),
               std::format("`default` names `{}`, but there is {}", config.default_lm_,
                           names.empty() ? "no [lm.NAME]" : text::enumerate(names, "`", "and")));
  }
  return config;
}

}  // namespace dspy
