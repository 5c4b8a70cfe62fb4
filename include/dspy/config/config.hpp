#pragma once

#include "dspy/base/log.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "dspy/telemetry/spdlog_sink.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// Where a key is, which is never in the file itself: `key = {env = "NAME"}`, `{file = "PATH"}` or
/// `{command = "COMMAND"}`.
struct KeySource {
  enum class Kind { none, variable, file, command };

  Kind kind = Kind::none;
  std::string text = {};  ///< The variable's name, the file's path (`~` is the home folder), or what a shell is to run.

  bool operator==(const KeySource&) const = default;
};

/// A language model as a configuration file names it.
struct LmConfig {
  std::string model = {};  ///< What `dspy::lm` takes.
  /// Of the model, such as `temperature`; they go into its URI.
  std::vector<std::pair<std::string, std::string>> options = {};
  KeySource key = {};
  std::vector<std::string> fallbacks = {};  ///< Names of others in the file, or what `dspy::lm` takes.
  std::vector<std::string> context_window_fallbacks = {};
  std::vector<std::string> content_policy_fallbacks = {};
  RetryOptions retry = {};
  LimitOptions limits = {};
  BudgetOptions budget = {};
  std::optional<bool> enable_cache = {};  ///< Unset: as the file's `[cache]` says.
  std::optional<int> cache_ttl_secs = {};
};

/// Where the log of programs goes, as `[log]` says: `set_log_sink(spdlog_sink(log.output), log.minimum)`.
struct LogConfig {
  LogOutput output = {};
  LogLevel minimum = LogLevel::info;
};

/// The contents of `dspy.toml`: named models and their middleware.  A value.  It never contains a key: a model says
/// where its key is.
class Config {
 public:
  /// Throws `Error` (`config_error`) that says where: `dspy.toml:12:5: …`.  `name` is what errors call the text.
  /// What `[profile.PROFILE]` says goes before the rest of the file.
  static Config parse(std::string_view text, std::string_view name = "dspy.toml", std::string_view profile = "");
  /// With the profile that `$DSPY_PROFILE` names, if it is set.  Throws `Error` (`io_error`) as well.
  static Config from_file(const std::filesystem::path& path);
  /// The file in effect: `$DSPY_CONFIG`, else `dspy.toml` in this folder or one above it, else
  /// `~/.config/dspy/dspy.toml`; nothing if there is none.  Throws `Error` (`config_error`) if `$DSPY_CONFIG` names a
  /// file that is not there.
  static std::optional<std::filesystem::path> find();
  /// `from_file(find())`, or one that says nothing.  Commands for keys are run only for a file that `$DSPY_CONFIG`
  /// names or that is in the home folder's `.config`: one in a folder may be somebody else's.
  static Config load();

  const std::string& source() const noexcept { return source_; }
  const std::map<std::string, LmConfig, std::less<>>& lms() const noexcept { return lms_; }
  const std::string& default_lm() const noexcept { return default_lm_; }  ///< Empty: none.
  const std::string& adapter() const noexcept { return adapter_; }        ///< Empty: none.
  const CacheOptions& cache() const noexcept { return cache_; }
  /// The cache server, the level below the folder, such as `redis://localhost:6379`; empty: none.
  const std::string& remote_cache() const noexcept { return remote_cache_; }
  const std::string& profile() const noexcept { return profile_; }
  const std::optional<LogConfig>& log() const noexcept { return log_; }  ///< Nothing without `[log]`.
  const std::string& price_file() const noexcept { return price_file_; }

  /// The key of the LM of that name, read now; empty if the file names none.  Throws `Error` (`authentication_failed`,
  /// `config_error`).
  Secret key(std::string_view name) const;

  /// The LM of that name with all that is put around it.  LMs that are made from one `Config` share a cache.  Throws
  /// `Error` (`config_error`) for a name that is not there, and lists those there are.
  std::shared_ptr<LM> lm(std::string_view name) const;
  /// The model's URI with its options.
  static std::string uri(const LmConfig& lm);

 private:
  friend class ConfigReader;

  std::shared_ptr<LM> made(const std::string& name) const;
  void check_names() const;

  std::string source_;
  std::map<std::string, LmConfig, std::less<>> lms_;
  std::string default_lm_, adapter_, price_file_, remote_cache_, profile_;
  bool may_run_commands_ = true;
  CacheOptions cache_;
  std::optional<LogConfig> log_;
  struct Parts;
  std::shared_ptr<Parts> parts_;  ///< What its LMs share, made when the first one is.
};

/// Makes a configuration the process's: its default LM and adapter become those of `configure`.
void use(const Config& config);

}  // namespace dspy
