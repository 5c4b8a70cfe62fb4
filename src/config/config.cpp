#include "dspy/config/config.hpp"

#include "config/config_reader.hpp"
#include "config/key_source.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/key_handover.hpp"
#include "dspy/modules/configure.hpp"
#include "dspy/storage/disk_cache.hpp"
#include "dspy/storage/remote_cache.hpp"

#include <cstdlib>
#include <format>
#include <mutex>
#include <system_error>
#include <utility>

namespace dspy {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t most_bytes = 1U << 20;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '&' || c == '?' || c == '#' || static_cast<unsigned char>(c) < 0x21) {
      out += std::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

namespace {

std::shared_ptr<CacheStore> opened_cache(const std::string& directory, const std::string& server) {
  if (server.empty()) return open_disk_cache(directory);
  auto remote = std::make_shared<RemoteCache>(server);
  return directory.empty() ? remote : tiered(open_disk_cache(directory), std::move(remote));
}

}  // namespace

struct Config::Parts {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<LM>> made;  ///< So that limits and budgets hold for all who ask for a name.
  std::shared_ptr<CacheStore> store;
  std::shared_ptr<const PriceTable> prices;
};

Config Config::parse(std::string_view text, std::string_view name, std::string_view profile) {
  auto config = ConfigReader::read(text, name, profile);
  config.parts_ = std::make_shared<Parts>();
  config.check_names();
  return config;
}

Config Config::from_file(const fs::path& path) {
  return parse(read_text(path, most_bytes), path.string(), variable("DSPY_PROFILE"));
}

namespace {

/// `~/.config/dspy/dspy.toml`; empty without a home folder.
fs::path personal_file() {
  auto home = variable("XDG_CONFIG_HOME");
  if (home.empty() && !variable("HOME").empty()) home = variable("HOME") + "/.config";
  return home.empty() ? fs::path() : fs::path(home) / "dspy" / "dspy.toml";
}

}  // namespace

std::optional<fs::path> Config::find() {
  std::error_code code;
  if (const auto named = variable("DSPY_CONFIG"); !named.empty()) {
    if (!fs::exists(named, code))
      throw Error(Errc::config_error,
                  std::format("DSPY_CONFIG names `{}`, which is not there; correct or unset it", named));
    return fs::path(named);
  }
  for (auto folder = fs::current_path(code); !code && !folder.empty(); folder = folder.parent_path()) {
    if (auto path = folder / "dspy.toml"; fs::is_regular_file(path, code)) return path;
    if (folder == folder.parent_path()) break;
  }
  if (auto path = personal_file(); !path.empty() && fs::is_regular_file(path, code)) return path;
  return {};
}

Config Config::load() {
  const auto path = find();
  if (!path) return parse("", "(no dspy.toml)");
  auto config = from_file(*path);
  config.may_run_commands_ = !variable("DSPY_CONFIG").empty() || *path == personal_file();
  return config;
}

std::string Config::uri(const LmConfig& lm) {
  auto out = lm.model;
  for (const auto& [name, value] : lm.options)
    out += std::format("{}{}={}", out.contains('?') ? "&" : "?", percent_encoded(name), percent_encoded(value));
  return out;
}

/// Fallbacks that lead in a circle would never end.
void Config::check_names() const {
  enum class Mark { unseen, open, done };
  std::map<std::string, Mark, std::less<>> marks;
  const auto visit = [&](const auto& self, const std::string& name) -> void {
    const auto lm = lms_.find(name);
    if (lm == lms_.end() || marks[name] == Mark::done) return;
    if (marks[name] == Mark::open)
      throw Error(Errc::config_error,
                  std::format("{}: the fallbacks of `lm.{}` lead back to it; take one out", source_, name));
    marks[name] = Mark::open;
    for (const auto* const names :
         {&lm->second.fallbacks, &lm->second.context_window_fallbacks, &lm->second.content_policy_fallbacks}) {
      for (const auto& each : *names) self(self, each);
    }
    marks[name] = Mark::done;
  };
  for (const auto& [name, unused] : lms_) visit(visit, name);
}

std::shared_ptr<LM> Config::lm(std::string_view name) const {
  const auto found = lms_.find(name);
  if (found == lms_.end()) {
    std::vector<std::string> names;
    for (const auto& [each, unused] : lms_) names.push_back(each);
    const auto near = text::nearest(name, names);
    throw Error(Errc::config_error,
                std::format("{} has no LM `{}`; {}", source_, name,
                            near            ? std::format("did you mean `{}`?", *near)
                            : names.empty() ? std::string("add one as [lm.NAME] with `model`")
                                            : std::format("there is {}", text::enumerate(names, "`", "and"))));
  }
  const std::lock_guard lock(parts_->mutex);
  return made(found->first);
}

Secret Config::key(std::string_view name) const {
  const auto found = lms_.find(name);
  if (found == lms_.end()) throw Error(Errc::config_error, std::format("{} has no LM `{}`", source_, name));
  return key_from(found->second.key, name, may_run_commands_);
}

std::shared_ptr<LM> Config::made(const std::string& name) const {
  if (const auto before = parts_->made.find(name); before != parts_->made.end()) return before->second;
  const auto& lm = lms_.find(name)->second;
  auto& parts = *parts_;
  if (!parts.prices)
    parts.prices =
        price_file_.empty()
            ? builtin_prices()
            : std::make_shared<const PriceTable>(PriceTable::builtin().with(PriceTable::from_file(price_file_)));
  auto cache = cache_;
  if (lm.enable_cache) cache.enable_cache = lm.enable_cache;
  if (lm.cache_ttl_secs) cache.cache_ttl_secs = *lm.cache_ttl_secs;
  if (cache.is_on() && (!cache.directory.empty() || !remote_cache_.empty())) {
    if (!parts.store) parts.store = opened_cache(cache.directory, remote_cache_);
    cache.store = parts.store;
  }
  auto where = uri(lm);
  if (auto secret = key(name); !secret.is_empty())
    where += std::format("{}api_key_ref={}", where.contains('?') ? "&" : "?", hand_over_key(std::move(secret)));
  const auto all = [&](const std::vector<std::string>& names) {
    std::vector<std::shared_ptr<LM>> out;
    for (const auto& each : names) out.push_back(lms_.contains(each) ? made(each) : dspy::lm(each));
    return out;
  };
  auto out = resilient({.primary = dspy::lm(where),
                        .fallbacks = all(lm.fallbacks),
                        .context_window_fallbacks = all(lm.context_window_fallbacks),
                        .content_policy_fallbacks = all(lm.content_policy_fallbacks),
                        .retry = lm.retry,
                        .limits = lm.limits,
                        .cache = std::move(cache),
                        .budget = lm.budget,
                        .prices = parts.prices});
  parts.made.emplace(name, out);
  return out;
}

void use(const Config& config) {
  Settings settings;
  if (!config.default_lm().empty()) settings.lm = config.lm(config.default_lm());
  if (!config.adapter().empty()) settings.adapter = adapter(config.adapter());
  configure(std::move(settings));
}

}  // namespace dspy
