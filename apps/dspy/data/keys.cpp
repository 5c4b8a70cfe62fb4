#include "data/data_commands.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::app {
namespace {

struct KeyFlags {
  std::string file;
  std::string name;
  std::string id;
  std::string tenant;
  std::vector<std::string> scopes;
  std::vector<std::string> models;
  std::string expires;
  std::string overlap = "1d";
  std::optional<std::uint64_t> requests_per_minute, tokens_per_day, tokens_per_month;
  std::optional<double> usd_per_day, usd_per_month;
  bool all_tenants = false;
  bool json = false;
};

/// `90d`, `12h`, `30m`, `60s`.
std::chrono::seconds span_of(std::string_view flag, std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = std::string_view(read.ptr, text.data() + text.size());
  constexpr std::int64_t most = 36'500;
  const auto seconds = unit == "d" ? 86'400 : unit == "h" ? 3'600 : unit == "m" ? 60 : unit == "s" ? 1 : 0;
  if (read.ec != std::errc() || seconds == 0 || number < 0 || number > most)
    throw Error(Errc::bad_input,
                std::format("{} must be a duration such as 90d, 12h, 30m or 60s, not `{}`", flag, text));
  return std::chrono::seconds(number * seconds);
}

std::optional<std::int64_t> nanodollars(std::optional<double> dollars) {
  if (!dollars) return std::nullopt;
  if (!(*dollars >= 0 && *dollars < 9e9)) throw Error(Errc::bad_input, "a budget in US dollars must be 0 or more");
  return std::llround(*dollars * 1e9);
}

/// The keys that there are: a name that was typed wrong makes no new file, as only `create` does.
server::KeyStore existing(const KeyFlags& flags) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(flags.file, code))
    throw Error(Errc::config_error,
                std::format("the file of keys `{}` does not exist; check --file, or make a key with `dspy keys create`",
                            flags.file));
  return server::KeyStore(flags.file);
}

void tell(const KeyFlags& flags, const server::CreatedKey& made) {
  if (flags.json) {
    auto object = server::to_json(made.key, {});
    object["secret"] = made.secret.reveal();
    return print_json(object);
  }
  print_line(made.secret.reveal());
  std::cerr << std::format("dspy: this is the only time that the key is shown; its id is {}\n", made.key.id);
}

int create(const KeyFlags& flags) {
  server::Key wanted{.name = flags.name,
                     .tenant = flags.tenant,
                     .scopes = flags.scopes,
                     .models = flags.models,
                     .limits = {.requests_per_minute = flags.requests_per_minute,
                                .tokens_per_day = flags.tokens_per_day,
                                .tokens_per_month = flags.tokens_per_month,
                                .nanodollars_per_day = nanodollars(flags.usd_per_day),
                                .nanodollars_per_month = nanodollars(flags.usd_per_month)}};
  if (!flags.expires.empty())
    wanted.expires_at = std::chrono::system_clock::now() + span_of("--expires", flags.expires);
  server::KeyStore keys(flags.file);
  tell(flags, keys.create(std::move(wanted)));
  return exit_ok;
}

int list(const KeyFlags& flags) {
  const auto keys = existing(flags);
  const auto now = std::chrono::system_clock::now();
  for (const auto& key : keys.list(flags.all_tenants ? std::nullopt : std::optional(flags.tenant))) {
    if (flags.json) {
      print_json(server::to_json(key, keys.spending(key)));
      continue;
    }
    std::string scopes;
    for (const auto& scope : key.scopes) scopes += (scopes.empty() ? "" : " ") + scope;
    print_line(
        for_terminal(std::format("{}  {:<8} {}{}  {}{}", key.id,
                                 key.revoked_at      ? "revoked"
                                 : key.is_valid(now) ? "valid"
                                                     : "expired",
                                 key.name, key.tenant.empty() ? "" : std::format(" ({})", key.tenant), scopes,
                                 key.expires_at ? std::format("  until {}", server::iso_time(*key.expires_at)) : "")));
  }
  return exit_ok;
}

int rotate(const KeyFlags& flags) {
  auto keys = existing(flags);
  tell(flags, keys.rotate(flags.tenant, flags.id, span_of("--overlap", flags.overlap)));
  return exit_ok;
}

int revoke(const KeyFlags& flags) {
  auto keys = existing(flags);
  keys.revoke(flags.tenant, flags.id);
  return exit_ok;
}

}  // namespace

void add_keys(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<KeyFlags>();
  flags->file = (server::default_workspace() / "keys.sqlite").string();
  auto* command = app.add_subcommand("keys", "Create, rotate and revoke the server's API keys");
  command->require_subcommand(1);
  command->add_option("--file", flags->file, "The file of keys")->envname("DSPY_KEYS")->capture_default_str();
  command->add_option("--tenant", flags->tenant, "The tenant; omit it for the server's operator");
  command->add_flag("--json", flags->json, "Print objects");
  const auto part = [&](const std::string& name, const std::string& about, int (*run)(const KeyFlags&)) {
    auto* each = command->add_subcommand(name, about);
    each->fallthrough();
    each->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return each;
  };
  auto* creates = part("create", "Create a key, and print it once", create);
  creates->add_option("name", flags->name, "Who or what uses it")->required();
  creates->add_option("--scope", flags->scopes, "What the key may do, such as traces:read; `*` is everything")
      ->required();
  creates->add_option("--model", flags->models, "Models the key may use; `*` matches any text [all]");
  creates->add_option("--expires", flags->expires, "Expires after: 90d, 12h [never]");
  creates->add_option("--requests-per-minute", flags->requests_per_minute);
  creates->add_option("--tokens-per-day", flags->tokens_per_day);
  creates->add_option("--tokens-per-month", flags->tokens_per_month);
  creates->add_option("--usd-per-day", flags->usd_per_day);
  creates->add_option("--usd-per-month", flags->usd_per_month);
  part("list", "List keys, without their secrets", list)
      ->add_flag("--all-tenants", flags->all_tenants, "Those of every tenant");
  auto* rotates = part("rotate", "Replace a key; the old one stays valid for a while", rotate);
  rotates->add_option("id", flags->id)->required();
  rotates->add_option("--overlap", flags->overlap, "For how long")->capture_default_str();
  part("revoke", "Take a key back, at once", revoke)->add_option("id", flags->id)->required();
  command->footer("Example:\n  dspy keys create ci --scope invoke --usd-per-day 5 --expires 90d");
}

}  // namespace dspy::app
