#include "dspy/base/log_fields.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

/// What a sink was told, with the fields as `name=value`.
struct Collected {
  std::vector<std::string> lines;

  Collected() {
    set_log_sink([this](LogLevel, std::string_view, std::string_view message) {
      std::string line(message);
      for (const auto& [name, value] : log_fields()) line.append(" ").append(name).append("=").append(to_text(value));
      lines.push_back(std::move(line));
      log(LogLevel::error, "test", "from within a sink", {{"dropped", true}});
    });
  }
  ~Collected() { set_log_sink({}); }
};

}  // namespace

TEST_CASE("A sink can read the fields of its message, and of no other") {
  const Collected collected;

  log(LogLevel::warning, "cache", "one is damaged", {{"model", "m"}, {"count", 3}});
  log(LogLevel::warning, "cache", "without fields");
  std::thread([] { log(LogLevel::info, "cache", "of another thread", {{"thread", 2}}); }).join();

  REQUIRE(collected.lines.size() == 3);
  CHECK(collected.lines[0] == R"(one is damaged model="m" count=3)");
  CHECK(collected.lines[1] == "without fields");
  CHECK(collected.lines[2] == "of another thread thread=2");
  CHECK(log_fields().empty());
}

TEST_CASE("Fields end with their message, also when a sink throws or nobody listens") {
  set_log_sink([](LogLevel, std::string_view, std::string_view) { throw 1; });
  CHECK_THROWS_AS(log(LogLevel::error, "test", "x", {{"a", 1}}), int);
  CHECK(log_fields().empty());
  set_log_sink({});
  log(LogLevel::error, "test", "x", {{"a", 1}});
  CHECK(log_fields().empty());
}
