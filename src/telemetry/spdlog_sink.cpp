#include "dspy/telemetry/spdlog_sink.hpp"

#include "dspy/base/error.hpp"

#include <utility>

#ifdef DSPY_WITH_SPDLOG

#include "dspy/base/json.hpp"
#include "dspy/base/log_fields.hpp"
#include "dspy/base/text.hpp"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <format>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace dspy {
namespace {

std::string_view view_of(spdlog::string_view_t text) noexcept {
  return {text.data(), text.size()};
}

std::string as_utf8(std::string_view bytes) {
  text::Utf8Buffer buffer;
  auto out = buffer.push(bytes);
  return out += buffer.finish();
}

/// On one line, so that a message cannot pass for another.
std::string without_line_ends(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += std::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

/// The fields of the message that this thread writes, redacted.
thread_local const JsonObject* written_fields = nullptr;

class Lines final : public spdlog::formatter {
 public:
  explicit Lines(LogForm form) : form_(form) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto time = std::format("{:%FT%T}Z", std::chrono::floor<std::chrono::microseconds>(message.time));
    const auto level = view_of(spdlog::level::to_string_view(message.level));
    const auto component = view_of(message.logger_name);
    const auto text = as_utf8(view_of(message.payload));
    auto line = form_ == LogForm::json ? object(time, level, component, text)
                                       : std::format("{} {} {}: {}", time, level, component, without_line_ends(text));
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<Lines>(form_); }

 private:
  static std::string object(std::string_view time, std::string_view level, std::string_view component,
                            std::string_view text) {
    JsonObject out{{"time", time}, {"level", level}, {"component", component}, {"message", text}};
    if (written_fields != nullptr)
      for (const auto& [name, value] : *written_fields) out.emplace(name, value);  // never in place of those four
    return to_text(out);
  }

  LogForm form_;
};

spdlog::level::level_enum level_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: break;
  }
  return spdlog::level::err;
}

/// A logger for each component, with the sinks of the first.
class Loggers {
 public:
  Loggers(std::shared_ptr<spdlog::logger> logger, std::shared_ptr<const Redactor> redactor)
      : logger_(std::move(logger)), redactor_(redactor ? std::move(redactor) : std::make_shared<const Redactor>()) {}

  void write(LogLevel level, std::string_view component, std::string_view message) {
    if (!logger_->should_log(level_of(level))) return;
    auto found = named_.find(component);
    if (found == named_.end()) {
      std::string name(component);
      auto clone = logger_->clone(name);
      found = named_.emplace(std::move(name), std::move(clone)).first;
    }
    found->second->set_level(logger_->level());
    const auto fields = redacted_fields();
    written_fields = &fields;
    found->second->log(level_of(level), spdlog::string_view_t(redactor_->redacted(message)));
    written_fields = nullptr;
  }

 private:
  JsonObject redacted_fields() const {
    Json out = JsonObject();
    for (const auto& [name, value] : log_fields()) {
      const auto* const text = value.if_string();
      out.get_object()[name] = text != nullptr ? Json(as_utf8(view(*text))) : value;
    }
    redactor_->redact(out);
    return std::move(out.get_object());
  }

  std::shared_ptr<spdlog::logger> logger_;
  std::shared_ptr<const Redactor> redactor_;
  std::map<std::string, std::shared_ptr<spdlog::logger>, std::less<>> named_;
};

std::shared_ptr<spdlog::sinks::sink> sink_of(const LogOutput& output) {
  if (output.file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (output.most_bytes == 0)
    throw Error(Errc::invalid_parameter, "a log file of 0 bytes holds nothing; set `most_bytes` to 1 or more");
  try {
    return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(output.file.string(), output.most_bytes,
                                                                  output.kept_files);
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(Errc::io_error, std::format("the log file `{}` cannot be written: {}; name another one",
                                            output.file.string(), error.what()));
  }
}

}  // namespace

LogSink spdlog_sink(const LogOutput& output, std::shared_ptr<const Redactor> redactor) {
  auto sink = sink_of(output);
  sink->set_formatter(std::make_unique<Lines>(output.form));
  auto logger = std::make_shared<spdlog::logger>("dspy", std::move(sink));
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  return spdlog_sink(std::move(logger), std::move(redactor));
}

LogSink spdlog_sink(std::shared_ptr<spdlog::logger> logger, std::shared_ptr<const Redactor> redactor) {
  if (!logger) throw Error(Errc::invalid_parameter, "the log has a null spdlog logger; pass one, or a `LogOutput`");
  return [loggers = std::make_shared<Loggers>(std::move(logger), std::move(redactor))](
             LogLevel level, std::string_view component, std::string_view message) {
    loggers->write(level, component, message);
  };
}

}  // namespace dspy

#else

namespace dspy {
namespace {

[[noreturn]] void refuse() {
  throw Error(Errc::unsupported,
              "the library was built without spdlog; install libspdlog-dev (1.14 or newer) and build it again");
}

}  // namespace

LogSink spdlog_sink(const LogOutput& /*output*/, std::shared_ptr<const Redactor> /*redactor*/) {
  refuse();
}

LogSink spdlog_sink(std::shared_ptr<spdlog::logger> /*logger*/, std::shared_ptr<const Redactor> /*redactor*/) {
  refuse();
}

}  // namespace dspy

#endif
