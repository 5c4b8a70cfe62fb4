#include "config/config_reader.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <toml++/toml.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <format>
#include <functional>
#include <limits>

namespace dspy {
namespace {

using Setter = std::function<void(const toml::node& value)>;
using Members = std::vector<std::pair<std::string_view, Setter>>;

/// Reads values, and says where one is that cannot be meant.
class Place {
 public:
  explicit Place(std::string_view source) : source_(source) {}

  [[noreturn]] void fail(const toml::source_region& at, const std::string& what) const {
    throw Error(Errc::config_error, std::format("{}:{}:{}: {}", source_, at.begin.line, at.begin.column, what));
  }

  void read(const toml::table& table, std::string_view what, const Members& members) const {
    for (const auto& [key, value] : table) {
      const auto found = std::ranges::find(members, key.str(), &Members::value_type::first);
      if (found == members.end()) unknown(key, what, members);
      current_ = key.str();
      found->second(value);
    }
  }

  const toml::table& table(const toml::node& value, std::string_view what) const {
    if (!value.is_table()) fail(value.source(), std::format("`{}` must be a table", what));
    return *value.as_table();
  }

  Setter to(std::string& out) const {
    return [this, &out](const toml::node& value) { out = text(value); };
  }
  Setter to(bool& out) const {
    return [this, &out](const toml::node& value) { out = boolean(value); };
  }
  Setter to(std::optional<bool>& out) const {
    return [this, &out](const toml::node& value) { out = boolean(value); };
  }
  /// A number that is more than 0, or from 0.
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  Setter to(T& out, bool may_be_zero) const {
    return [this, &out, may_be_zero](const toml::node& value) { out = number<T>(value, may_be_zero); };
  }
  template <class T>
    requires(std::integral<T> || std::floating_point<T>)
  Setter to(std::optional<T>& out) const {
    return [this, &out](const toml::node& value) { out = number<T>(value, false); };
  }
  Setter to(std::vector<std::string>& out) const {
    return [this, &out](const toml::node& value) {
      if (!value.is_array()) wrong(value, "a list of texts");
      for (const auto& each : *value.as_array()) out.push_back(text(each));
    };
  }

  std::string text(const toml::node& value) const {
    if (!value.is_string()) wrong(value, "a text");
    return value.as_string()->get();
  }
  /// A scalar as the text that a URI has for it.
  std::string scalar(const toml::node& value) const {
    if (value.is_string()) return value.as_string()->get();
    if (value.is_integer()) return std::to_string(value.as_integer()->get());
    if (value.is_floating_point()) return std::format("{}", value.as_floating_point()->get());
    if (value.is_boolean()) return value.as_boolean()->get() ? "true" : "false";
    wrong(value, "a text, a number, true or false");
  }
  [[noreturn]] void wrong(const toml::node& value, std::string_view wanted) const {
    fail(value.source(), std::format("`{}` must be {}", current_, wanted));
  }

 private:
  [[noreturn]] void unknown(const toml::key& key, std::string_view what, const Members& members) const {
    std::vector<std::string> names;
    for (const auto& [name, unused] : members) names.emplace_back(name);
    const auto near = text::nearest(key.str(), names);
    fail(key.source(), std::format("there is no `{}` in {}; {}", key.str(), what,
                                   near ? std::format("did you mean `{}`?", *near)
                                        : std::format("there is {}", text::enumerate(names, "`", "and"))));
  }

  bool boolean(const toml::node& value) const {
    if (!value.is_boolean()) wrong(value, "true or false");
    return value.as_boolean()->get();
  }

  template <class T>
  T number(const toml::node& value, bool may_be_zero) const {
    const std::string_view range = may_be_zero ? "from 0" : "above 0";
    if constexpr (std::floating_point<T>) {
      const auto out = value.value<double>();
      if (!value.is_number() || !out || !std::isfinite(*out) || *out < 0 || (*out == 0 && !may_be_zero))
        wrong(value, std::format("a number {}", range));
      return *out;
    } else {
      const auto out = value.is_integer() ? value.as_integer()->get() : -1;
      const auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
      if (out < (may_be_zero ? 0 : 1) || static_cast<std::uint64_t>(out) > most)
        wrong(value, std::format("a whole number {}", range));
      return static_cast<T>(out);
    }
  }

  std::string_view source_;
  mutable std::string current_;
};

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
              {"cache", read_cache}});
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
