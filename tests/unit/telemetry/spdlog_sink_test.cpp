#include "dspy/telemetry/spdlog_sink.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log_fields.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#ifdef DSPY_TEST_SPDLOG

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

/// The process's sink for a test.
struct Installed {
  explicit Installed(LogSink sink, LogLevel minimum = LogLevel::info) { set_log_sink(std::move(sink), minimum); }
  ~Installed() { set_log_sink({}); }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("A log of JSON lines has time, level, component and message, each line an object whatever the message") {
  const test::Folder folder;
  {
    const Installed log_to(spdlog_sink({.file = folder.path / "logs" / "a.log", .form = LogForm::json}));
    log(LogLevel::debug, "cache", "below the minimum");
    log(LogLevel::warning, "cache", "it says \"no\"\nand\x01 {} \xff");
    log(LogLevel::error, "llama", "gone");
  }
  const auto lines = lines_of(folder.read("logs/a.log"));
  REQUIRE(lines.size() == 2);
  const auto first = parse_json(lines[0]);
  REQUIRE(first.has_value());
  CHECK(std::regex_match(std::string(view(first->at("time").as_string())),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
  CHECK(first->at("level") == "warning");
  CHECK(first->at("component") == "cache");
  CHECK(first->at("message") == "it says \"no\"\nand\x01 {} \xef\xbf\xbd");
  CHECK(first->as_object().size() == 4);
  const auto second = parse_json(lines[1]);
  REQUIRE(second.has_value());
  CHECK(second->at("level") == "error");
  CHECK(second->at("component") == "llama");
}

TEST_CASE("Fields of a message are members of its line, redacted, and never in place of the four") {
  const test::Folder folder;
  {
    const Installed log_to(spdlog_sink({.file = folder.path / "a.log", .form = LogForm::json}));
    log(LogLevel::warning, "breaker", "`m` failed too often",
        {{"model", "m"},
         {"seconds", 1.5},
         {"level", "none"},
         {"api_key", "abc"},
         {"url", "\xff?key=sk-canary-0123456789"}});
    log(LogLevel::warning, "breaker", "without");
  }
  const auto lines = lines_of(folder.read("a.log"));
  REQUIRE(lines.size() == 2);
  const auto first = parse_json(lines[0]);
  REQUIRE(first.has_value());
  CHECK(first->at("model") == "m");
  CHECK(first->at("seconds") == 1.5);
  CHECK(first->at("level") == "warning");
  CHECK(view(first->at("api_key").as_string()) == Redactor::replacement);
  CHECK(first->at("url").as_string().starts_with("\xef\xbf\xbd?key="));
  CHECK_FALSE(lines[0].contains("canary"));
  CHECK(parse_json(lines[1])->as_object().size() == 4);
}

TEST_CASE("A plain log has one line for a message, and one of an attacker stays one") {
  const test::Folder folder;
  {
    const Installed log_to(spdlog_sink({.file = folder.path / "a.log"}), LogLevel::debug);
    log(LogLevel::debug, "llama", "a step");
    log(LogLevel::info, "server", "asked for /x\n2026-01-01T00:00:00.000000Z error keys: \x1b[2J");
  }
  const auto lines = lines_of(folder.read("a.log"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].ends_with("Z debug llama: a step"));
  CHECK(lines[1].ends_with("Z info server: asked for /x\\n2026-01-01T00:00:00.000000Z error keys: \\x1b[2J"));
}

TEST_CASE("Keys are removed before a message reaches spdlog") {
  const test::Folder folder;
  auto redactor = std::make_shared<Redactor>();
  redactor->add(Secret("correct horse battery"));
  {
    const Installed log_to(spdlog_sink({.file = folder.path / "a.log", .form = LogForm::json}, redactor));
    log(LogLevel::error, "http", "with Authorization: Bearer sk-canary-0123456789abcdef: 401");
    log(LogLevel::error, "http", "the password was correct horse battery");
  }
  const auto text = folder.read("a.log");
  CHECK_FALSE(text.contains("canary"));
  CHECK_FALSE(text.contains("horse"));
  CHECK(text.contains(Redactor::replacement));
}

TEST_CASE("A full log file moves aside, and no more are kept than asked for") {
  const test::Folder folder;
  {
    const Installed log_to(spdlog_sink({.file = folder.path / "a.log", .most_bytes = 1'000, .kept_files = 2}));
    for (int i = 0; i < 100; ++i) log(LogLevel::info, "test", "message " + std::to_string(i));
  }
  CHECK(lines_of(folder.read("a.log")).back().ends_with("message 99"));
  CHECK(std::filesystem::exists(folder.path / "a.1.log"));
  CHECK(std::filesystem::exists(folder.path / "a.2.log"));
  CHECK_FALSE(std::filesystem::exists(folder.path / "a.3.log"));
  for (const auto* const name : {"a.log", "a.1.log", "a.2.log"}) {
    CHECK(std::filesystem::file_size(folder.path / name) <= 1'000);
  }
}

TEST_CASE("A log is appended to by the next process, and many threads write whole lines") {
  const test::Folder folder;
  const LogOutput output{.file = folder.path / "a.log", .form = LogForm::json};
  for (int round = 0; round < 2; ++round) {
    const Installed log_to(spdlog_sink(output));
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([t] {
        for (int i = 0; i < 50; ++i) log(LogLevel::info, "thread " + std::to_string(t), std::string(200, 'x'));
      });
  }
  const auto lines = lines_of(folder.read("a.log"));
  CHECK(lines.size() == 400);
  CHECK(std::ranges::all_of(lines, [](const auto& line) { return parse_json(line).has_value(); }));
}

TEST_CASE("A logger of the user's gets messages by its own level and pattern, under the component's name") {
  std::ostringstream out;
  const auto logger =
      std::make_shared<spdlog::logger>("mine", std::make_shared<spdlog::sinks::ostream_sink_mt>(out, true));
  logger->set_pattern("%l|%n|%v");
  logger->set_level(spdlog::level::warn);
  const Installed log_to(spdlog_sink(logger), LogLevel::debug);

  log(LogLevel::info, "cache", "not yet");
  log(LogLevel::warning, "cache", "100 % {}");
  logger->set_level(spdlog::level::debug);
  log(LogLevel::debug, "cache", "now");
  log(LogLevel::error, "llama", "and this");

  CHECK(out.str() == "warning|cache|100 % {}\ndebug|cache|now\nerror|llama|and this\n");
}

TEST_CASE("A log that cannot be written is refused with the file's name") {
  const test::Folder folder;
  const auto file = folder.write("plain", "a file, no folder");
  CHECK_THROWS_WITH_AS(spdlog_sink({.file = file / "a.log"}), doctest::Contains("a.log` cannot be written"), Error);
  CHECK_THROWS_WITH_AS(spdlog_sink({.file = folder.path / "b.log", .most_bytes = 0}), doctest::Contains("most_bytes"),
                       Error);
  CHECK_THROWS_WITH_AS(spdlog_sink(std::shared_ptr<spdlog::logger>()), doctest::Contains("null spdlog logger"), Error);
}

#else

using namespace dspy;

TEST_CASE("Without spdlog a log through it is refused, and what to install is named") {
  CHECK_THROWS_WITH_AS(spdlog_sink(LogOutput{}), doctest::Contains("libspdlog-dev"), Error);
}

#endif
