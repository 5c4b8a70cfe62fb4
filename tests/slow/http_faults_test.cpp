// A million calls of a provider whose network and service fail in every way that the mock provider knows: each has one
// outcome, and no reply is one that was not whole.

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/resilient.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "mock_provider/mock_provider.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

struct Tally {
  std::size_t begun = 0;
  std::size_t replies = 0;
  std::size_t errors = 0;
  std::size_t wrong = 0;       ///< Replies that say something else than the provider was asked to.
  std::size_t unjoined = 0;    ///< Streams whose pieces are not their reply, or their error's text.
  std::uint64_t attempts = 0;  ///< As replies and errors tell.
  std::map<std::string_view, std::size_t> codes = {};
};

/// Asks every `step`th question from `first` on; each second one is streamed.
Async<void> ask(std::shared_ptr<LM> lm, Tally& tally, std::size_t first, std::size_t step, std::size_t count) {
  for (auto i = first; i < count; i += step) {
    const auto question = std::format("Say {} and no more of it, please.", i);
    const Request request{.messages = {{Role::user, question}}};
    std::string seen;
    std::string end;
    const bool is_stream = i % 2 == 0;
    ++tally.begun;
    try {
      Reply reply;
      if (is_stream) {
        reply = co_await lm->stream(request, [&](const StreamEvent& event) {
          if (event.kind == StreamEvent::Kind::text) seen += event.text;
        });
      } else {
        reply = co_await lm->complete(request);
      }
      ++tally.replies;
      end = reply.text();
      tally.wrong += end == question ? 0 : 1;
      tally.attempts += reply.handling->attempts.size();
    } catch (const Error& error) {
      ++tally.errors;
      ++tally.codes[to_string(error.code())];
      end = error.info().raw;
      // What was told is the start of what the provider said, once.
      tally.wrong += question.starts_with(seen) ? 0 : 1;
    }
    tally.unjoined += !is_stream || seen == end || seen.empty() ? 0 : 1;
  }
}

}  // namespace

TEST_CASE(
    "A million calls through a faulty network: none is lost, none is answered twice, none is cut and called whole") {
  const char* const wanted = std::getenv("DSPY_CALLS");  // fewer, for a quick look
  const std::size_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1'000'000;
  constexpr std::size_t at_once = 64;
  const std::uint64_t seed = std::random_device{}();
  MESSAGE("seed ", seed);
  const mock::MockProvider provider({.seed = seed, .fault_rate = 0.2});
  const auto lm =
      resilient({.primary = openai_compatible({.model = "m", .base_url = provider.url("/v1")}),
                 .retry = {.max_retries = 5, .initial_backoff_ms = 1, .max_backoff_ms = 4, .retry_ratio = 1},
                 .breaker = std::nullopt});
  Tally tally;
  std::vector<Async<void>> all;
  for (std::size_t first = 0; first < at_once; ++first) all.push_back(ask(lm, tally, first, at_once, count));

  wait(when_all(std::move(all)));

  std::string codes;
  for (const auto& [code, times] : tally.codes) codes += std::format(" {} {}", times, code);
  MESSAGE(tally.replies, " replies, ", tally.errors, " errors:", codes, "; ", provider.request_count(),
          " requests over ", provider.connections(), " connections");
  CHECK(tally.begun == count);
  CHECK(tally.replies + tally.errors == count);
  CHECK(tally.wrong == 0);
  CHECK(tally.unjoined == 0);
  // Four of five requests succeed at once; what fails before it has said anything is asked again.
  CHECK(tally.replies > count * 9 / 10);
  CHECK(provider.request_count() >= tally.attempts);
}
