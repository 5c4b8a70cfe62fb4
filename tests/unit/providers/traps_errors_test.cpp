// How long to wait, and whether to ask again at all.  docs/traps.md lists all traps.

#include "dspy/base/random.hpp"
#include "dspy/lm/middleware/retry.hpp"
#include "providers/errors.hpp"
#include "providers/rate_headers.hpp"
#include "wire.hpp"

#include <chrono>

using namespace dspy;
using namespace dspy::test;
using namespace std::chrono_literals;

namespace {

const std::chrono::system_clock::time_point now = std::chrono::sys_days(std::chrono::year(2026) / 8 / 21);

JsonObject limits(std::string_view provider, const http::Headers& headers) {
  return providers::told_limits(*find_dialect(provider), headers, now);
}

Error refused(std::string_view provider, int status, std::string body, http::Headers headers = {}) {
  return providers::status_error(*find_dialect(provider), "m",
                                 {.status = status, .headers = std::move(headers), .body = std::move(body)}, now);
}

}  // namespace

TEST_CASE("Trap 12: Retry-After as a date, a negative number and one that is too large to be meant") {
  const auto after = [](std::string value) {
    return refused("openai", 429, "{}", {{"Retry-After", std::move(value)}}).info().retry_after;
  };
  CHECK(after("Fri, 21 Aug 2026 00:01:00 GMT") == 60s);
  CHECK(after("Thu, 20 Aug 2026 00:00:00 GMT") == 0s);
  CHECK(after("-1") == std::nullopt);
  CHECK(after("NaN") == std::nullopt);
  CHECK(after("99999999999999999999") == std::nullopt);
  CHECK(after("1e9") == std::nullopt);

  RetryBudget budget(0.1, 3);
  RetryMachine machine({.max_retry_after_ms = 60'000}, budget, Random(1));
  const Error too_long(Errc::rate_limit_exceeded, "slow down", {.retry_after = std::chrono::hours(24)});
  CHECK_FALSE(machine.after(too_long, false, Clock::Time(1h), {}).has_value());
}

TEST_CASE("Trap 13: the time until a limit is full again, as Go and as RFC 3339 write it") {
  const auto reset_ms = [](std::string value) {
    return limits("openai", {{"x-ratelimit-limit-requests", "60"},
                             {"x-ratelimit-remaining-requests", "0"},
                             {"x-ratelimit-reset-requests", std::move(value)}})
        .at("requests")
        .at("reset_ms");
  };
  CHECK(reset_ms("6m0s") == Json(360'000));
  CHECK(reset_ms("1m30.5s") == Json(90'500));
  CHECK(reset_ms("12ms") == Json(12));
  CHECK(reset_ms("2026-08-21T00:00:10Z") == Json(10'000));
  const auto anthropic = limits("anthropic", {{"anthropic-ratelimit-input-tokens-limit", "40000"},
                                              {"anthropic-ratelimit-input-tokens-remaining", "39000"},
                                              {"anthropic-ratelimit-input-tokens-reset", "2026-08-21T00:00:01Z"}});
  CHECK(anthropic.at("input_tokens").at("reset_ms") == Json(1'000));
  const auto unreadable = limits("openai", {{"x-ratelimit-limit-requests", "60"},
                                            {"x-ratelimit-remaining-requests", "1"},
                                            {"x-ratelimit-reset-requests", "soon"}});
  CHECK_FALSE(unreadable.at("requests").as_object().contains("reset_ms"));
}

TEST_CASE("Trap 14: Groq's limit of requests is one of a day, and its limit of tokens one of a minute") {
  const http::Headers headers{{"x-ratelimit-limit-requests", "14400"},    {"x-ratelimit-remaining-requests", "14370"},
                              {"x-ratelimit-reset-requests", "2m59.56s"}, {"x-ratelimit-limit-tokens", "18000"},
                              {"x-ratelimit-remaining-tokens", "17997"},  {"x-ratelimit-reset-tokens", "7.66s"}};
  const auto groq = limits("groq", headers);
  CHECK(groq.at("requests").at("per") == Json("day"));
  CHECK(groq.at("tokens").at("per") == Json("minute"));
  CHECK(limits("openai", headers).at("requests").at("per") == Json("minute"));
}

TEST_CASE("Trap 15: a limit of -1 or 0 is an unknown one, not one that is used up") {
  for (const auto* const value : {"-1", "0", "", "many"}) {
    CAPTURE(value);
    CHECK(limits("azure", {{"x-ratelimit-limit-tokens", value}, {"x-ratelimit-remaining-tokens", value}}).empty());
  }
  CHECK(limits("azure", {{"x-ratelimit-limit-tokens", "100"}, {"x-ratelimit-remaining-tokens", "-1"}}).empty());
  CHECK_FALSE(limits("azure", {{"x-ratelimit-limit-tokens", "100"}, {"x-ratelimit-remaining-tokens", "0"}}).empty());
}

TEST_CASE("Trap 16: a quota of money that is used up is not asked for again") {
  struct Case {
    std::string_view provider;
    int status;
    std::string body;
  };
  const std::vector<Case> cases = {
      {"openai", 429, R"({"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "m"}})"},
      {"openai", 429,
       R"({"error": {"type": "insufficient_quota", "code": "project_spend_limit_exceeded", "message": "m"}})"},
      {"anthropic", 429, R"({"type": "error", "error": {"type": "enforced_spend_limit_reached", "message": "m"}})"},
      {"openrouter", 402, R"({"error": {"code": 402, "message": "Insufficient credits"}})"},
      {"deepseek", 402, R"({"error": {"message": "Insufficient Balance", "type": "unknown_error"}})"},
  };
  for (const auto& [provider, status, body] : cases) {
    CAPTURE(body);
    const auto error = refused(provider, status, body, {{"Retry-After", "1"}});
    CHECK(error.code() == Errc::billing_error);
    CHECK_FALSE(is_worth_retrying(error));
  }
  CHECK(is_worth_retrying(refused("openai", 429, R"({"error": {"code": "rate_limit_exceeded", "message": "m"}})")));
  // A day's quota comes back tomorrow: longer than anybody waits.
  const auto daily = refused(
      "gemini", 429,
      R"({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}, {"retryDelay": "13s"}]}})");
  CHECK(daily.info().retry_after == 24h);
}

TEST_CASE("What a provider tells of its limits comes with the reply, streamed or not") {
  const http::Headers headers{{"x-ratelimit-limit-tokens", "1000"},
                              {"x-ratelimit-remaining-tokens", "990"},
                              {"x-ratelimit-reset-tokens", "600ms"}};
  const auto plain = read_body(
      "openai", R"({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]})", headers);
  REQUIRE(plain.has_value());
  const auto told = plain->provider_data.at("rate_limits").at("tokens");
  CHECK(told == Json(JsonObject{{"limit", 1000}, {"remaining", 990}, {"per", "minute"}, {"reset_ms", 600}}));
  const auto streamed = read_stream(
      "openai",
      events({R"({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]})", "[DONE]"}), 0,
      headers);
  REQUIRE(streamed.has_value());
  CHECK(*streamed == *plain);
}
