#include "dspy/base/log.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

/// Collects messages for as long as it lives, and leaves the process without a sink.
struct Collected {
  std::vector<std::string> lines;

  explicit Collected(LogLevel minimum) {
    set_log_sink(
        [this](LogLevel level, std::string_view component, std::string_view message) {
          lines.push_back(std::string(to_string(level)).append(" ").append(component).append(": ").append(message));
        },
        minimum);
  }
  ~Collected() { set_log_sink({}); }
};

}  // namespace

TEST_CASE("Without a sink nothing is enabled and logging does nothing") {
  set_log_sink({}, LogLevel::debug);

  log(LogLevel::error, "test", "into the void");

  CHECK_FALSE(log_enabled(LogLevel::error));
}

TEST_CASE("A sink hears the messages from its minimum level on") {
  const Collected collected(LogLevel::warning);

  log(LogLevel::info, "llama", "loading");
  log(LogLevel::warning, "llama", "slow disk");
  log(LogLevel::error, "llama", "gone");

  CHECK(collected.lines == std::vector<std::string>{"warning llama: slow disk", "error llama: gone"});
  CHECK(log_enabled(LogLevel::warning));
  CHECK_FALSE(log_enabled(LogLevel::info));
}

TEST_CASE("What a sink logs itself is dropped, and it may be replaced while it runs") {
  std::vector<std::string> lines;
  set_log_sink(
      [&](LogLevel, std::string_view, std::string_view message) {
        lines.emplace_back(message);
        log(LogLevel::error, "sink", "from within");
        if (message == "second") set_log_sink({});
        lines.push_back("end of " + std::string(message));
      },
      LogLevel::info);

  for (const auto* message : {"first", "second", "third"}) log(LogLevel::info, "test", message);

  CHECK(lines == std::vector<std::string>{"first", "end of first", "second", "end of second"});
  CHECK_FALSE(log_enabled(LogLevel::error));
}

TEST_CASE("A sink is called from any thread, one call at a time") {
  const Collected collected(LogLevel::debug);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 100; ++i) log(LogLevel::debug, "thread", "message");
      });
    }
  }

  CHECK(collected.lines.size() == 400);
}
