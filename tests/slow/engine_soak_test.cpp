// Long runs of the engine: memory stays flat, requests that end at any time leave nothing behind, and sixteen threads
// find no race (build with the preset `tsan`).

#include "../unit/llama/engine_fixture.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace dspy {
namespace {

using namespace std::chrono_literals;
using test::EngineFixture;

/// Memory that the process holds, in bytes.
std::size_t resident() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_CASE_FIXTURE(EngineFixture, "10,000 requests, a third of them cancelled at any time, leave nothing behind") {
  start({.sequences = 8, .when_full = llama::WhenFull::wait, .kv_tokens = 4096, .host_bytes = 200'000});
  runtime.answers = [](std::string_view prompt) { return "re: " + std::string(prompt.substr(prompt.size() / 2)); };
  std::atomic<int> left = 10'000, wrong = 0, cancelled = 0, completed = 0;
  {
    std::vector<std::jthread> callers;
    for (unsigned caller = 0; caller < 16; ++caller) {
      callers.emplace_back([&, caller] {
        std::mt19937 random(caller);
        while (left-- > 0) {
          const auto question = std::format("{} asks number {}", caller, random() % 50);
          const auto expected = wait(engine->generate(asks(question, {.max_tokens = 1, .temperature = 0}))).text;
          auto work = asks(question, {.max_tokens = static_cast<int>(1 + random() % 40), .temperature = 0});
          std::stop_source stop;
          work.stop = stop.get_token();
          std::jthread stopper;
          if (random() % 3 == 0)
            stopper = std::jthread([stop, pause = random() % 300]() mutable {
              std::this_thread::sleep_for(std::chrono::microseconds(pause));
              stop.request_stop();
            });
          const auto reply = attempt([&] { return wait(engine->generate(std::move(work))); });
          if (reply) {
            ++completed;
            wrong += !reply->text.starts_with(expected);
          } else {
            reply.error().code() == Errc::cancelled ? ++cancelled : ++wrong;
          }
        }
      });
    }
  }

  CHECK(wrong == 0);
  CHECK(cancelled > 0);
  CHECK(completed > 1000);
  engine->clear();
  const auto stats = engine->stats();
  CHECK(stats.queued == 0);
  CHECK(stats.running == 0);
  CHECK(stats.kv_free == stats.kv_tokens);
  CHECK(stats.cached_tokens == 0);
  CHECK(stats.host_bytes == 0);
  CHECK(runtime.most_cells <= 4096);
}

TEST_CASE_FIXTURE(EngineFixture, "memory stays flat over 100,000 short requests") {
  start({.sequences = 16, .kv_tokens = 4096, .host_bytes = 1 << 20});
  const auto run = [&](int requests) {
    std::vector<std::jthread> callers;
    std::atomic<int> left = requests;
    for (int caller = 0; caller < 8; ++caller)
      callers.emplace_back([&] {
        for (int i = left--; i > 0; i = left--) ask(std::format("question {}", i % 997));
      });
  };
  run(20'000);  // fills what is bounded
  const auto before = resident();

  run(80'000);

  const auto growth = static_cast<double>(resident()) - static_cast<double>(before);
  CAPTURE(growth);
  CHECK(growth < 4 << 20);
}

TEST_CASE("memory stays flat over many short requests to the embedded model") {
  const auto file = std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf";
  LlamaLM lm(file.string(), {.sampling = {.max_tokens = 4, .temperature = 0},
                             .engine = {.context_length = 512, .threads = 1, .host_bytes = 8 << 20},
                             .model = {.gpu_layers = 0}});
  const auto run = [&](int requests) {
    for (int i = 0; i < requests; ++i) wait(lm.complete(test::ask(std::format("What is {}?", i % 499))));
  };
  run(2'000);
  const auto before = resident();

  run(4'000);

  const auto growth = static_cast<double>(resident()) - static_cast<double>(before);
  CAPTURE(growth);
  CHECK(growth < 8 << 20);
}

/// A minute, or `DSPY_SOAK_SECONDS`.
TEST_CASE_FIXTURE(EngineFixture, "sixteen threads use one engine in every way for a minute") {
  const char* wanted = std::getenv("DSPY_SOAK_SECONDS");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wanted ? std::atoi(wanted) : 60);
  start({.sequences = 6, .kv_tokens = 3000, .host_bytes = 100'000, .prefix_directory = folder / "prefixes"});
  runtime.answers = [](std::string_view prompt) { return std::string(prompt); };
  std::atomic<int> done = 0, unexpected = 0;
  {
    std::vector<std::jthread> callers;
    for (unsigned caller = 0; caller < 16; ++caller) {
      callers.emplace_back([&, caller] {
        std::mt19937 random(caller);
        while (std::chrono::steady_clock::now() < until) {
          const auto question = std::string(1 + random() % 60, static_cast<char>('a' + random() % 5));
          const auto result = attempt([&] {
            switch (random() % 12) {
              case 0: engine->clear(); break;
              case 1: static_cast<void>(engine->stats()); break;
              case 2: {
                const auto prefix = asks(question).prompt;
                wait(engine->pin(prefix));
                engine->unpin(prefix);
                break;
              }
              case 3: {
                auto work = asks(question, {.max_tokens = 60, .temperature = 0});
                work.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 2000);
                wait(engine->generate(std::move(work)));
                break;
              }
              case 4: {
                auto work = asks(question, {.max_tokens = 60, .temperature = 0});
                work.priority = static_cast<int>(random() % 3);
                wait(engine->generate(std::move(work), [](const StreamEvent&) {}));
                break;
              }
              default: ask(question, {.max_tokens = static_cast<int>(1 + random() % 30), .temperature = 0.7});
            }
          });
          if (!result && result.error().code() != Errc::deadline_exceeded &&
              result.error().code() != Errc::rate_limit_exceeded)
            ++unexpected;
          ++done;
        }
      });
    }
  }
  CHECK(unexpected == 0);
  CHECK(done > 100);
}

}  // namespace
}  // namespace dspy
