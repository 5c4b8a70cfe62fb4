#include "command.hpp"
#include "dspy/base/text.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/prices.hpp"

#include <cstdlib>
#include <format>

namespace dspy::app {
namespace {

struct LmFlags {
  std::string name;
  bool json = false;
};

std::string key_of(const LmConfig& lm) {
  for (const auto& [name, value] : lm.options) {
    if (name == "api_key_env")
      return std::format("{} ({})", value, std::getenv(value.c_str()) == nullptr ? "not set" : "set");
  }
  return "the provider's own variable, if it needs one";
}

std::string limits_of(const LmConfig& lm) {
  std::vector<std::string> parts;
  const auto add = [&](const auto& value, std::string_view what) {
    if (value) parts.push_back(std::format("{} {}", *value, what));
  };
  add(lm.limits.requests_per_minute, "requests a minute");
  add(lm.limits.tokens_per_minute, "tokens a minute");
  add(lm.limits.concurrency, "at once");
  add(lm.limits.token_budget_limit, "tokens in all");
  add(lm.budget.requests, "requests in all");
  add(lm.budget.usd, "dollars in all");
  add(lm.budget.usd_per_day, "dollars a day");
  return parts.empty() ? std::string("none") : text::enumerate(parts, "", "and");
}

void show(const Config& config, const std::string& name, const LmConfig& lm) {
  print_line(std::format("{}{}", name, name == config.default_lm() ? " (default)" : ""));
  print_line(std::format("  model      {}", Config::uri(lm)));
  print_line(std::format("  key        {}", key_of(lm)));
  print_line(std::format("  limits     {}", limits_of(lm)));
  print_line(std::format("  retries    {}, after {} to {} ms", lm.retry.max_retries, lm.retry.initial_backoff_ms,
                         lm.retry.max_backoff_ms));
  if (!lm.fallbacks.empty()) print_line(std::format("  fallbacks  {}", text::enumerate(lm.fallbacks, "", "and")));
  const auto is_cached = lm.enable_cache ? *lm.enable_cache : config.cache().is_on();
  const auto seconds = lm.cache_ttl_secs.value_or(config.cache().cache_ttl_secs);
  print_line(std::format("  cache      {}", !is_cached     ? std::string("off")
                                            : seconds == 0 ? std::string("for ever")
                                                           : std::format("{} s", seconds)));
}

JsonObject as_json(const Config& config, const std::string& name, const LmConfig& lm) {
  JsonArray fallbacks(lm.fallbacks.begin(), lm.fallbacks.end());
  JsonObject out{{"name", name},
                 {"default", name == config.default_lm()},
                 {"model", Config::uri(lm)},
                 {"max_retries", lm.retry.max_retries},
                 {"fallbacks", std::move(fallbacks)}};
  const auto add = [&](std::string_view member, const auto& value) {
    if (value) out[member] = *value;
  };
  add("requests_per_minute", lm.limits.requests_per_minute);
  add("tokens_per_minute", lm.limits.tokens_per_minute);
  add("token_budget_limit", lm.limits.token_budget_limit);
  add("usd", lm.budget.usd);
  add("usd_per_day", lm.budget.usd_per_day);
  return out;
}

int run_show(const LmFlags& flags) {
  const auto config = Config::load();
  JsonArray list;
  bool has_found = false;
  for (const auto& [name, lm] : config.lms()) {
    if (!flags.name.empty() && flags.name != name) continue;
    has_found = true;
    if (flags.json) {
      list.push_back(as_json(config, name, lm));
    } else {
      show(config, name, lm);
    }
  }
  if (!has_found && !flags.name.empty()) config.lm(flags.name);  // says which there are
  if (flags.json) {
    print_json({{"file", config.source()}, {"lms", std::move(list)}});
  } else if (!has_found) {
    print_line(std::format("{}: no LM is named; add one as [lm.NAME] with `model`", config.source()));
  }
  return exit_ok;
}

int run_prices(const LmFlags& flags) {
  const auto config = Config::load();
  auto table = PriceTable::builtin();
  if (!config.price_file().empty()) table = table.with(PriceTable::from_file(config.price_file()));
  const auto dollars = [](const Price::Rate& rate) {
    return rate ? std::format("{:.4g}", static_cast<double>(*rate) / 1e9) : std::string("?");
  };
  print_line(std::format("US dollars for a million tokens, as of {}", table.date()));
  print_line(std::format("{:<32} {:>8} {:>8} {:>8}", "model", "prompt", "cached", "reply"));
  for (const auto& [model, price] : table.prices()) {
    if (!flags.name.empty() && !model.contains(flags.name)) continue;
    print_line(std::format(
        "{:<32} {:>8} {:>8} {:>8}{}", model, dollars(price.prompt), dollars(price.cache_read),
        dollars(price.completion),
        price.up_to_prompt_tokens ? std::format("  prompts up to {} tokens", *price.up_to_prompt_tokens) : ""));
  }
  return exit_ok;
}

}  // namespace

void add_lm_show(CLI::App& command, Plan& plan) {
  auto flags = std::make_shared<LmFlags>();
  auto* show_command = command.add_subcommand("show", "Show the models that dspy.toml names, and their middleware");
  show_command->add_option("NAME", flags->name, "One of them");
  show_command->add_flag("--json", flags->json, "Print {\"file\", \"lms\"}");
  show_command->callback([flags, &plan] { plan = [flags] { return run_show(*flags); }; });
  auto* prices = command.add_subcommand("prices", "Show the prices of models, and their date");
  prices->add_option("MODEL", flags->name, "Only models whose name contains this");
  prices->callback([flags, &plan] { plan = [flags] { return run_prices(*flags); }; });
}

}  // namespace dspy::app
