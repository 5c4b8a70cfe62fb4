#include "flags/log_flags.hpp"

#include "dspy/base/log.hpp"
#include "dspy/config/config.hpp"
#include "dspy/telemetry/spdlog_sink.hpp"

namespace dspy::app {
namespace {

/// Flags go before the file, and the first file before the next.
bool has_begun = false;

void log_to(const LogOutput& output, LogLevel minimum) {
  set_log_sink(spdlog_sink(output), minimum);
  has_begun = true;
}

}  // namespace

void LogFlags::add_to(CLI::App& command) {
  constexpr auto group = "Log";
  auto* const log =
      command.add_option("--log", where, "Write the log to this file, or to `stderr` [as dspy.toml says]")
          ->envname("DSPY_LOG")
          ->group(group);
  command.add_option("--log-form", form, "Lines of text, or an object of JSON a line")
      ->check(CLI::IsMember({"plain", "json"}))
      ->capture_default_str()
      ->needs(log)
      ->group(group);
  command.add_option("--log-level", level, "The least important messages that are written")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str()
      ->needs(log)
      ->group(group);
  command.add_option("--log-megabytes", megabytes, "The size at which the file moves aside, as NAME.1.EXTENSION")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str()
      ->needs(log)
      ->group(group);
  command.add_option("--log-files", files, "How many of these are kept")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000}))
      ->capture_default_str()
      ->needs(log)
      ->group(group);
}

void LogFlags::begin() const {
  if (where.empty()) return begin_log(Config::load());
  auto minimum = LogLevel::info;
  for (const auto each : {LogLevel::debug, LogLevel::warning, LogLevel::error}) {
    if (level == to_string(each)) minimum = each;
  }
  log_to({.file = where == "stderr" ? "" : where,
          .form = form == "json" ? LogForm::json : LogForm::plain,
          .most_bytes = megabytes << 20,
          .kept_files = files},
         minimum);
}

void begin_log(const Config& config) {
  if (has_begun || !config.log()) return;
  log_to(config.log()->output, config.log()->minimum);
}

}  // namespace dspy::app
