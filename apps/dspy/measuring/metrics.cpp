#include "dspy/lm/tracing/metrics.hpp"

#include "command.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "operations.hpp"

#ifdef DSPY_WITH_PROVIDERS
#include "dspy/telemetry/metrics_server.hpp"
#endif

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <format>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::app {
namespace {

struct MetricsFlags {
  std::string path;
  std::optional<std::uint16_t> port;
};

const Json* member(const JsonObject& line, std::string_view name) {
  const auto* const found = line.if_contains(name);
  return found != nullptr && !found->is_null() ? found : nullptr;
}

std::string text_in(const JsonObject& line, std::string_view name) {
  const auto* const found = member(line, name);
  return found != nullptr && found->is_string() ? std::string(view(found->get_string())) : std::string();
}

std::optional<Error> error_in(const JsonObject& line) {
  const auto* const found = member(line, "error");
  if (found == nullptr || !found->is_object()) return {};
  const auto& told = found->get_object();
  ErrorInfo info;
  if (const auto* const usage = member(told, "usage"); usage != nullptr && usage->is_object())
    info.usage = usage_from_json(usage->get_object());
  return Error(errc(text_in(told, "kind")).value_or(Errc::inference_failed), text_in(told, "message"), std::move(info));
}

/// A reply as far as it is in the file: all of it, or what it took.
std::optional<Reply> reply_in(const JsonObject& line) {
  const auto* const found = member(line, "reply");
  if (found == nullptr || !found->is_object()) return {};
  if (auto whole = attempt([&] { return reply_from_json(found->get_object()); })) return *std::move(whole);
  Reply out;
  if (const auto* const usage = member(found->get_object(), "usage"); usage != nullptr && usage->is_object())
    out.usage = usage_from_json(usage->get_object());
  return out;
}

/// Counts the spans of a trace file, and those that another process adds to it.
class Followed {
 public:
  explicit Followed(std::string path)
      : path_(std::move(path)), metrics_(std::make_shared<Metrics>()), trace_(metrics_) {
    if (!std::ifstream(path_))
      throw Error(Errc::io_error, std::format("the trace `{}` cannot be read; check the path", path_));
  }

  std::string text() {
    const std::lock_guard lock(mutex_);
    std::ifstream file(path_, std::ios::binary);
    file.seekg(0, std::ios::end);
    if (file.tellg() < position_) position_ = 0;  // begun anew
    file.seekg(position_);
    for (std::string line; std::getline(file, line);) {
      if (file.eof()) break;  // its end is still to be written
      position_ = file.tellg();
      if (const auto json = parse_json(line); json && json->is_object())
        static_cast<void>(attempt([&] { count(json->get_object()); }));
    }
    return metrics_->text();
  }

 private:
  void count(const JsonObject& line) {
    const auto kind = text_in(line, "kind");
    const auto path = text_in(line, "path"), lm = text_in(line, "lm");
    const auto error = error_in(line);
    const auto reply = reply_in(line);
    Span span{.kind = kind == "attempt" ? Span::Kind::attempt
                      : kind == "call"  ? Span::Kind::call
                      : kind == "tool"  ? Span::Kind::tool
                                        : Span::Kind::program,
              .path = path,
              .lm = lm};
    if (const auto* const seconds = member(line, "seconds"); seconds != nullptr && seconds->is_number())
      span.time = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds->to_number<double>() * 1e9));
    span.error = error ? &*error : nullptr;
    span.reply = reply ? &*reply : nullptr;
    trace_.begin(span);
    trace_.end(span);
  }

  std::mutex mutex_;
  std::string path_;
  std::streamoff position_ = 0;
  std::shared_ptr<Metrics> metrics_;
  MetricsTrace trace_;
};

int run_metrics(const MetricsFlags& flags) {
  const auto followed = std::make_shared<Followed>(flags.path);
  if (!flags.port) {
    std::cout << followed->text();
    return exit_ok;
  }
#ifdef DSPY_WITH_PROVIDERS
  boost::asio::io_context signals;
  boost::asio::signal_set ends(signals, SIGINT, SIGTERM);
  ends.async_wait([](const boost::system::error_code&, int) {});
  const MetricsServer server([followed] { return followed->text(); }, *flags.port);
  print_line(std::format("http://127.0.0.1:{}/metrics", server.port()));
  std::cout.flush();
  signals.run();
  return exit_ok;
#else
  throw Error(Errc::config_error, "this program was built without libcurl and cannot serve metrics; omit --port");
#endif
}

}  // namespace

void add_metrics(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<MetricsFlags>();
  auto* command = app.add_subcommand("metrics", "Counters and timings of a trace file, in Prometheus format");
  command->add_option("TRACE", flags->path, "A file of JsonlTrace, which may still be growing")->required();
  command->add_option("-p,--port", flags->port,
                      "Serve them at http://127.0.0.1:PORT/metrics until interrupted; 0: any free port");
  command->footer("Example:\n  dspy metrics run.jsonl --port 9464");
  command->callback([flags, &plan] { plan = [flags] { return run_metrics(*flags); }; });
}

}  // namespace dspy::app
