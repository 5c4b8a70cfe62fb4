#include "serving/log_flags.hpp"

#include "dspy/base/log.hpp"
#include "dspy/telemetry/spdlog_sink.hpp"

namespace dspy::app {

void LogFlags::add_to(CLI::App& command) {
  constexpr auto group = "Log";
  auto* const log = command.add_option("--log", where, "Write the log to this file, or to `stderr`")
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
  if (where.empty()) return;
  auto minimum = LogLevel::info;
  for (const auto each : {LogLevel::debug, LogLevel::warning, LogLevel::error}) {
    if (level == to_string(each)) minimum = each;
  }
  set_log_sink(spdlog_sink({.file = where == "stderr" ? "" : where,
                            .form = form == "json" ? LogForm::json : LogForm::plain,
                            .most_bytes = megabytes << 20,
                            .kept_files = files}),
               minimum);
}

}  // namespace dspy::app
