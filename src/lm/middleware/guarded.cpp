#include "dspy/lm/middleware/guarded.hpp"

#include "dspy/lm/estimate.hpp"
#include "lm/middleware/wrapper.hpp"

#include <array>
#include <optional>
#include <utility>

namespace dspy {
namespace {

using std::chrono::nanoseconds;

/// What is shared by the calls of one LM.
struct Watch {
  std::shared_ptr<LM> lm;  ///< Here, so that a call holds one reference and not two.
  std::vector<std::shared_ptr<Guard>> guards;
  std::optional<Price> price;
  Timing timing;
};

constexpr std::size_t most_guards = 6;

/// The tickets of one request, which are settled whatever happens to it.
class Tickets {
 public:
  explicit Tickets(const Watch& watch) : watch_(watch), now_(watch.timing.clock->now()) {}
  Tickets(const Tickets&) = delete;
  Tickets& operator=(const Tickets&) = delete;
  ~Tickets() { settle({.was_sent = was_sent_}); }

  /// How long to wait for the next guard; nothing once all have admitted the request.
  std::optional<nanoseconds> next(const Request& request) {
    if (admitted_ == watch_.guards.size()) {
      sent_at_ = now_;
      if (request.deadline && sent_at_ >= *request.deadline)
        throw Error(Errc::deadline_exceeded, "the request's deadline passed before it could be made");
      was_sent_ = true;
      return {};
    }
    const auto wait = watch_.guards[admitted_]->admit(request, now_, tickets_[admitted_]);
    ++admitted_;
    return wait;
  }

  Clock::Time now() const noexcept { return now_; }
  /// After a wait.
  void renew_time() { now_ = watch_.timing.clock->now(); }

  void settle(Outcome outcome) {
    if (admitted_ == 0) return;
    outcome.was_sent = was_sent_;
    outcome.now = watch_.timing.clock->now();
    if (was_sent_) outcome.time = outcome.now - sent_at_;
    while (admitted_ > 0) {
      --admitted_;
      watch_.guards[admitted_]->settle(tickets_[admitted_], outcome);
    }
  }

 private:
  const Watch& watch_;
  Clock::Time now_;  ///< To ask the time takes longer than most guards do.
  std::array<Ticket, most_guards> tickets_ = {};
  std::size_t admitted_ = 0;
  bool was_sent_ = false;
  Clock::Time sent_at_ = {};
};

Async<Reply> run(std::shared_ptr<const Watch> watch, Request request, Delivery delivery) {
  Tickets tickets(*watch);
  nanoseconds waited = {};
  while (const auto wait = tickets.next(request)) {
    if (*wait <= nanoseconds(0)) continue;
    if (request.deadline && tickets.now() + *wait >= *request.deadline)
      throw Error(Errc::deadline_exceeded, "the request's deadline would pass while it waits for its limit",
                  {.retry_after = std::chrono::ceil<std::chrono::milliseconds>(*wait)});
    co_await watch->timing.sleep(*wait, request.stop);
    waited += *wait;
    tickets.renew_time();
  }
  try {
    auto reply = co_await ask(*watch->lm, std::move(request), delivery);
    if (watch->price && !reply.usage.cost_nanodollars) reply.usage.cost_nanodollars = cost(*watch->price, reply.usage);
    if (waited > nanoseconds(0) && reply.handling->attempts.empty())
      reply.handling.edit().attempts.push_back(
          {.lm = std::string(watch->lm->model()), .waited = waited, .usage = reply.usage});
    tickets.settle({.reply = &reply});
    co_return reply;
  } catch (const Error& error) {
    tickets.settle({.error = &error});
    throw;
  }
}

class GuardedLM final : public Wrapper {
 public:
  GuardedLM(std::shared_ptr<LM> inner, std::shared_ptr<const Watch> watch)
      : Wrapper(std::move(inner)), watch_(std::move(watch)) {}

  Async<Reply> complete(Request request) override { return run(watch_, std::move(request), Delivery({})); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(watch_, std::move(request), Delivery(std::move(sink)));
  }

 private:
  std::shared_ptr<const Watch> watch_;
};

}  // namespace

BudgetGuard::BudgetGuard(std::shared_ptr<Budget> budget, const std::shared_ptr<const PriceTable>& prices,
                         std::string_view model, std::uint64_t assumed_completion_tokens)
    : budget_(std::move(budget)), assumed_completion_tokens_(assumed_completion_tokens) {
  if (!budget_) throw Error(Errc::config_error, "there is no budget to keep; give one");
  if (prices) price_ = prices->find(model);
}

nanoseconds BudgetGuard::admit(const Request& request, Clock::Time /*now*/, Ticket& ticket) {
  auto& claim = ticket.claim;
  claim = {.requests = 1};
  if (budget_->counts_tokens() || budget_->counts_money()) {
    const auto prompt = most_prompt_tokens(request);
    const auto completion = most_completion_tokens(request, assumed_completion_tokens_);
    claim.tokens = prompt + completion;
    if (price_) claim.nanodollars = highest_cost(*price_, prompt, completion);
  }
  budget_->reserve(claim);
  return {};
}

void BudgetGuard::settle(const Ticket& ticket, const Outcome& outcome) {
  Usage used;
  if (outcome.reply != nullptr) {
    used = outcome.reply->usage;
    used.requests = std::max<std::uint64_t>(used.requests, 1);
  } else if (outcome.was_sent) {
    if (outcome.error != nullptr) used = outcome.error->info().usage;
    used.requests = std::max<std::uint64_t>(used.requests, 1);
    const bool is_free = outcome.error != nullptr && !may_have_been_billed(outcome.error->code());
    if (is_free) {
      // What was turned down took nothing, unless somebody says so.
      used.prompt_tokens = used.prompt_tokens.value_or(0);
      used.completion_tokens = used.completion_tokens.value_or(0);
      used.cost_nanodollars = used.cost_nanodollars.value_or(0);
    } else if (price_ && !used.cost_nanodollars) {
      used.cost_nanodollars = cost(*price_, used);
    }
  }
  budget_->settle(ticket.claim, used);
}

Layer guarded(Guards guards, Timing timing) {
  if (guards.guards.size() > most_guards)
    throw Error(Errc::config_error, "an LM takes at most 6 guards; put a second layer around it");
  return [guards = std::move(guards), timing = std::move(timing)](std::shared_ptr<LM> inner) -> std::shared_ptr<LM> {
    auto watch = std::make_shared<Watch>(Watch{inner, guards.guards, {}, timing});
    if (inner && guards.prices) watch->price = guards.prices->find(inner->model());
    return std::make_shared<GuardedLM>(std::move(inner), std::move(watch));
  };
}

Layer limited(RateLimitOptions options, Timing timing) {
  validate(options);
  return [options, timing = std::move(timing)](std::shared_ptr<LM> inner) {
    return guarded({.guards = {std::make_shared<RateLimit>(options)}}, timing)(std::move(inner));
  };
}

Layer breaking(BreakerOptions options, Timing timing) {
  validate(options);
  return [options, timing = std::move(timing)](std::shared_ptr<LM> inner) {
    const auto name = inner ? std::string(inner->model()) : std::string();
    return guarded({.guards = {std::make_shared<Breaker>(options, name)}}, timing)(std::move(inner));
  };
}

Layer budgeted(std::shared_ptr<Budget> budget, std::shared_ptr<const PriceTable> prices, Timing timing) {
  if (!prices) prices = builtin_prices();
  return
      [budget = std::move(budget), prices = std::move(prices), timing = std::move(timing)](std::shared_ptr<LM> inner) {
        const auto name = inner ? std::string(inner->model()) : std::string();
        return guarded({.guards = {std::make_shared<BudgetGuard>(budget, prices, name)}, .prices = prices},
                       timing)(std::move(inner));
      };
}

Layer priced(std::shared_ptr<const PriceTable> prices, Timing timing) {
  return guarded({.prices = prices ? std::move(prices) : builtin_prices()}, std::move(timing));
}

}  // namespace dspy
