// Calls of several threads that are cancelled at any time, through all that stands between them and a real socket.

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "mock_provider/mock_provider.hpp"
#include "support.hpp"

#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

using namespace dspy;
using namespace dspy::test;

namespace {

struct Tally {
  std::atomic<int> whole = 0, cancelled = 0, other = 0, wrong = 0;
};

Request asking(std::string text, std::stop_token stop = {}) {
  Request request{.messages = {Message(Role::user, std::move(text))}};
  request.stop = std::move(stop);
  return request;
}

void storm(LM& lm, int calls, std::uint64_t seed, Tally& tally) {
  Random random(seed);
  for (int i = 0; i < calls; ++i) {
    const auto question = std::format("Say {} and no more, please.", random.below(40));
    std::stop_source stop;
    const std::jthread stopper([&stop, time = std::chrono::microseconds(random.below(8'000))] {
      std::this_thread::sleep_for(time);
      stop.request_stop();
    });
    std::string told;
    const bool streams = random.below(2) == 0;
    const auto reply = attempt([&] {
      auto request = asking(question, stop.get_token());
      if (!streams) return wait(lm.complete(std::move(request)));
      return wait(lm.stream(std::move(request), [&](const StreamEvent& event) { told += event.text; }));
    });
    if (reply) {
      ++tally.whole;
      // The mock provider repeats the question.
      if (reply->text() != question || (streams && told != question)) ++tally.wrong;
    } else {
      ++(reply.error().code() == Errc::cancelled ? tally.cancelled : tally.other);
      if (!question.starts_with(told)) ++tally.wrong;
    }
  }
}

}  // namespace

TEST_CASE("A storm of cancellations leaves each call one outcome, and later calls none the worse") {
  const mock::MockProvider server({.wishes = {{"delay", "1"}, {"part-delay", "1"}, {"delta-bytes", "12"}}});
  const auto lm = resilient({.primary = openai_compatible({.model = "m", .base_url = server.url("/v1")}),
                             .limits = {.concurrency = 8},
                             .cache = {.enable_cache = true, .cache_ttl_secs = 1, .memory_bytes = 4'096},
                             .budget = {.requests = 100'000}});
  constexpr int threads = 4, calls = 150;
  Tally tally;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i)
      all.emplace_back([&, i] { storm(*lm, calls, static_cast<std::uint64_t>(i) + 1, tally); });
  }

  MESSAGE(tally.whole.load(), " whole, ", tally.cancelled.load(), " cancelled");
  CHECK(tally.whole + tally.cancelled == threads * calls);
  CHECK(tally.other == 0);
  CHECK(tally.wrong == 0);
  CHECK(tally.cancelled > 0);
  for (int i = 0; i < 20; ++i) {
    const auto question = std::format("After all, {}.", i);
    CHECK(wait(lm->complete(asking(question))).text() == question);
  }
}
