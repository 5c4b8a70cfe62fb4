#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/timing.hpp"
#include "dspy/lm/prices.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace dspy {

/// One of several LMs that can answer.
struct Route {
  /// When it is asked.
  enum class Use {
    always,
    context_too_long,  ///< Only once another has said that the prompt is too long for it.
    refused,           ///< Only once another has declined, or its filter has withheld the answer.
  };

  std::shared_ptr<LM> lm;
  double weight = 1;  ///< Its share, where requests are shared out by weight.
  Use use = Use::always;
};

struct RouterOptions {
  enum class Order {
    in_turn,        ///< The first, and the next ones as fallbacks.
    weighted,       ///< One drawn by weight.
    least_latency,  ///< The better of two drawn: requests under way times how long the last ones took.
    least_cost,     ///< The cheapest by the price table; one of unknown price last.
  };

  Order order = Order::in_turn;
  /// How long an LM is left out after `rate_limit_exceeded` that does not say how long; twice as long each time in a
  /// row, up to a minute.
  std::chrono::nanoseconds cooldown = std::chrono::seconds(5);
  /// After an error of its key or its account.
  std::chrono::nanoseconds parked = std::chrono::minutes(5);
};

/// Whether another LM may answer what this one could not, nothing of its reply having reached the caller.
bool is_worth_another_lm(const Error& error) noexcept;

/// Chooses among LMs, without asking them.  Thread-safe only under the caller's lock.
class Router {
 public:
  /// Prior knowledge about an LM. `cost` is for a million prompt tokens plus a million reply tokens.
  struct Lane {
    double weight = 1;
    Route::Use use = Route::Use::always;
    std::optional<std::int64_t> cost = {};
  };

  Router(RouterOptions options, std::vector<Lane> lanes, std::uint64_t seed);

  /// The next LM to try for this request: `asked` is true for each that was tried.  `last` is the previous error.
  /// Nothing if none is left.  An LM in cooldown is used only if there is no other.
  std::optional<std::size_t> choose(std::span<const bool> asked, const Error* last, Clock::Time now);
  void begin(std::size_t lane) noexcept { ++states_[lane].under_way; }
  /// `error`: null if it answered.
  void end(std::size_t lane, const Error* error, std::chrono::nanoseconds time, Clock::Time now);

  bool is_left_out(std::size_t lane, Clock::Time now) const noexcept { return now < states_[lane].back_at; }

 private:
  struct State {
    int under_way = 0;
    double seconds = 0;  ///< A moving average of the response time; 0 before the first.
    Clock::Time back_at = Clock::Time::min();
    int cooldowns = 0;  ///< In a row.
  };

  std::size_t pick(std::span<const std::size_t> able);
  double load(std::size_t lane) const noexcept;

  RouterOptions options_;
  std::vector<Lane> lanes_;
  std::vector<State> states_;
  Random random_;
};

/// One LM that asks others: by turns, by weight, by latency or by cost, and another one where one fails.  What was
/// tried is in `Reply::handling`, and an answer of another than the first is an adaptation (`model`, `substituted`).
/// Throws `Error` (`config_error`) without routes.
std::shared_ptr<LM> router(std::vector<Route> routes, RouterOptions options = {},
                           const std::shared_ptr<const PriceTable>& prices = {}, Timing timing = {});

}  // namespace dspy
