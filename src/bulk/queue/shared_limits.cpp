#include "dspy/bulk/queue/shared_limits.hpp"

#include "bulk/queue/redis_client.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/estimate.hpp"
#include "dspy/lm/prices.hpp"
#include "storage/redis_connection.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

using bulk::list_of;
using storage::Deadline;
using storage::RedisConnection;

/// A bucket for each rate, and a count for each budget.  KEYS: buckets, counts.  ARGV: for requests and tokens each
/// what one minute brings, how much a bucket holds, the budget (-1: none of them); then the tokens of this request, the
/// budget of billionths of a dollar (-1: none) and what this request may cost.
/// Returns {0, …} when it may be made, {1, milliseconds} when not yet, {2, used, limit, what} when never.
constexpr std::string_view claim_script = R"(
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local asked = {1, tonumber(ARGV[7])}
local names = {'requests', 'tokens'}
for i = 1, 2 do
  local budget = tonumber(ARGV[i * 3])
  local used = tonumber(redis.call('HGET', KEYS[2], names[i]) or '0')
  if budget >= 0 and used + asked[i] > budget then
    return {2, string.format('%.0f', used), string.format('%.0f', budget), names[i]}
  end
end
local money = tonumber(ARGV[8])
local spent = tonumber(redis.call('HGET', KEYS[2], 'nanodollars') or '0')
if money >= 0 and spent + tonumber(ARGV[9]) > money then
  return {2, string.format('%.0f', spent), string.format('%.0f', money), 'nanodollars'}
end
local level = {}
local wait = 0
local last = tonumber(redis.call('HGET', KEYS[1], 'at') or now)
for i = 1, 2 do
  local rate = tonumber(ARGV[i * 3 - 2])
  local most = tonumber(ARGV[i * 3 - 1])
  if rate >= 0 then
    local there = tonumber(redis.call('HGET', KEYS[1], names[i]) or most)
    level[i] = math.min(most, there + math.max(0, now - last) * rate / 60000)
    local needed = math.min(asked[i], most)
    if level[i] < needed then wait = math.max(wait, (needed - level[i]) * 60000 / rate) end
  end
end
redis.call('HSET', KEYS[1], 'at', string.format('%.3f', math.max(now, last)))
for i = 1, 2 do
  if level[i] then
    if wait == 0 then level[i] = level[i] - asked[i] end
    redis.call('HSET', KEYS[1], names[i], string.format('%.6f', level[i]))
  end
end
redis.call('PEXPIRE', KEYS[1], 3600000)
if wait > 0 then return {1, math.ceil(wait)} end
for i = 1, 2 do redis.call('HINCRBY', KEYS[2], names[i], asked[i]) end
if tonumber(ARGV[9]) > 0 then redis.call('HINCRBY', KEYS[2], 'nanodollars', ARGV[9]) end
return {0})";

std::string number(std::optional<double> value) {
  return value ? std::format("{}", *value) : "-1";
}

std::string dollars(std::uint64_t nanodollars) {
  return std::format("${:.6f}", static_cast<double>(nanodollars) / 1e9);
}

void require_positive(const std::optional<double>& value, std::string_view what) {
  if (value && !(*value > 0 && std::isfinite(*value)))
    throw Error(Errc::invalid_parameter, std::format("{} {} a minute would stop all work; allow more, or leave the "
                                                     "limit out",
                                                     *value, what));
}

}  // namespace

class SharedLimits::Impl {
 public:
  Impl(std::string_view url, const std::string& scope, SharedLimitOptions options)
      : options_(options),
        buckets_(std::format("dspy:limits:{{{}}}:rates", scope)),
        counts_(std::format("dspy:limits:{{{}}}:used", scope)),
        client_(url, "the shared limits", options.outage) {
    require_positive(options.requests_per_minute, "requests");
    require_positive(options.tokens_per_minute, "tokens");
    if (options.budget_nanodollars && *options.budget_nanodollars < 0)
      throw Error(Errc::invalid_parameter, "a cost budget must be 0 or more");
  }

  std::chrono::milliseconds claim(const SharedClaim& claim) {
    if (options_.budget_nanodollars && !claim.nanodollars)
      throw Error(Errc::config_error,
                  "the cost of a request is unknown, so the fleet's cost budget cannot be enforced");
    const auto most = [&](std::optional<double> rate) {
      return rate ? std::format("{}", std::max(1.0, *rate * options_.burst_seconds / 60)) : std::string("-1");
    };
    const auto budget = [](const auto& value) { return value ? std::to_string(*value) : std::string("-1"); };
    const auto tokens = std::to_string(claim.tokens), money = std::to_string(claim.nanodollars.value_or(0));
    const auto answer = client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"EVAL", claim_script, "2", buckets_, counts_, number(options_.requests_per_minute),
                             most(options_.requests_per_minute), budget(options_.budget_requests),
                             number(options_.tokens_per_minute), most(options_.tokens_per_minute),
                             budget(options_.budget_tokens), tokens, budget(options_.budget_nanodollars), money},
                            deadline);
    });
    const auto& list = list_of(answer);
    if (list.at(0).integer == 0) return std::chrono::milliseconds(0);
    if (list[0].integer == 1) return std::chrono::milliseconds(list.at(1).integer);
    const auto used = std::stoull(list.at(1).text), limit = std::stoull(list.at(2).text);
    if (list.at(3).text == "nanodollars") {
      throw Error(Errc::token_budget_exhausted,
                  std::format("the fleet's budget of {} is spent ({} used or claimed, up to {} wanted); raise it, and "
                              "resume",
                              dollars(limit), dollars(used), dollars(static_cast<std::uint64_t>(*claim.nanodollars))));
    }
    throw Error(Errc::token_budget_exhausted,
                std::format("the fleet's budget of {} {} is spent ({} used, {} wanted); raise it, and resume", limit,
                            list[3].text, used, list[3].text == "tokens" ? tokens : std::string("1")),
                {.used = used, .limit = limit});
  }

  void settle(const SharedClaim& claimed, const SharedClaim& used) {
    add("tokens", static_cast<std::int64_t>(used.tokens) - static_cast<std::int64_t>(claimed.tokens));
    if (claimed.nanodollars && used.nanodollars) add("nanodollars", *used.nanodollars - *claimed.nanodollars);
  }

  const SharedLimitOptions& options() const noexcept { return options_; }

 private:
  void add(std::string_view name, std::int64_t change) {
    if (change == 0) return;
    const auto text = std::to_string(change);
    client_.ask([&](RedisConnection& connection, Deadline deadline) {
      return connection.ask({"HINCRBY", counts_, name, text}, deadline);
    });
  }

  SharedLimitOptions options_;
  std::string buckets_, counts_;
  bulk::RedisClient client_;
};

SharedLimits::SharedLimits(std::string_view url, std::string scope, SharedLimitOptions options)
    : impl_(std::make_unique<Impl>(url, scope, options)) {}

SharedLimits::~SharedLimits() = default;

std::chrono::milliseconds SharedLimits::claim(const SharedClaim& claim) {
  return impl_->claim(claim);
}

void SharedLimits::settle(const SharedClaim& claimed, const SharedClaim& used) {
  impl_->settle(claimed, used);
}

const SharedLimitOptions& SharedLimits::options() const noexcept {
  return impl_->options();
}

namespace {

/// What a request took, as far as that is known: the rest counts as it was claimed.
SharedClaim taken(const SharedClaim& claimed, const Usage& usage, const std::optional<Price>& price) {
  auto money = usage.cost_nanodollars;
  if (!money && price) money = cost(*price, usage);
  return {.tokens = usage.total_tokens().value_or(claimed.tokens), .nanodollars = money ? money : claimed.nanodollars};
}

Async<Reply> run(std::shared_ptr<LM> lm, std::shared_ptr<SharedLimits> limits, std::optional<Price> price,
                 Request request, EventSink sink) {
  const auto prompt = most_prompt_tokens(request);
  const auto completion = most_completion_tokens(request, limits->options().assumed_completion_tokens);
  SharedClaim most{.tokens = prompt + completion};
  if (price) most.nanodollars = highest_cost(*price, prompt, completion);
  while (true) {
    const auto pause = co_await on_cpu([&] { return limits->claim(most); });
    if (pause.count() == 0) break;
    if (request.deadline && std::chrono::steady_clock::now() + pause > *request.deadline)
      throw Error(Errc::deadline_exceeded, "the request's deadline would pass while it waits for the fleet's limit",
                  {.retry_after = pause});
    co_await sleep(pause, request.stop);
  }
  auto used = most;
  std::exception_ptr failure;
  std::optional<Reply> reply;
  try {
    // Apart, and not by `?:`, both sides of which g++ 14 awaits here.
    if (sink) {
      reply.emplace(co_await lm->stream(std::move(request), std::move(sink)));
    } else {
      reply.emplace(co_await lm->complete(std::move(request)));
    }
    used = taken(most, reply->usage, price);
  } catch (const Error& error) {
    used = taken(most, error.info().usage, price);
    failure = std::current_exception();
  }
  co_await on_cpu([&] { limits->settle(most, used); });
  if (failure) std::rethrow_exception(failure);
  co_return *std::move(reply);
}

class LimitedLM final : public LM {
 public:
  LimitedLM(std::shared_ptr<LM> inner, std::shared_ptr<SharedLimits> limits, std::optional<Price> price)
      : inner_(std::move(inner)), limits_(std::move(limits)), price_(price) {}

  std::string_view model() const noexcept override { return inner_->model(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }
  std::string fingerprint() const override { return inner_->fingerprint(); }
  Async<Reply> complete(Request request) override { return run(inner_, limits_, price_, std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(inner_, limits_, price_, std::move(request), std::move(sink));
  }

 private:
  std::shared_ptr<LM> inner_;
  std::shared_ptr<SharedLimits> limits_;
  std::optional<Price> price_;
};

}  // namespace

std::shared_ptr<LM> limited(std::shared_ptr<LM> lm, std::shared_ptr<SharedLimits> limits,
                            const std::shared_ptr<const PriceTable>& prices) {
  if (lm == nullptr) throw Error(Errc::config_error, "there is no LM to limit; give one");
  std::optional<Price> price;
  if (limits->options().budget_nanodollars) {
    price = (prices ? prices : builtin_prices())->find(lm->model());
    if (!price || !price->prompt || !price->completion) {
      throw Error(Errc::config_error, std::format("the price of `{}` is unknown, so a cost budget cannot be enforced; "
                                                  "add it to a price table, or use a token budget",
                                                  lm->model()));
    }
  }
  return std::make_shared<LimitedLM>(std::move(lm), std::move(limits), price);
}

}  // namespace dspy
