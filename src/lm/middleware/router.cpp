#include "dspy/lm/middleware/router.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace dspy {
namespace {

using std::chrono::nanoseconds;

/// How much of a moving average the last value is.
constexpr double newest_share = 0.2;

bool is_about_account(Errc code) noexcept {
  return code == Errc::authentication_failed || code == Errc::billing_error;
}

}  // namespace

bool is_worth_another_lm(const Error& error) noexcept {
  switch (error.code()) {
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::rate_limit_exceeded:
    case Errc::stream_broken:
    case Errc::authentication_failed:
    case Errc::billing_error:
    case Errc::backend_error:
    case Errc::inference_failed:
    case Errc::model_not_found:
    case Errc::model_not_loaded:
    case Errc::model_load_error: return true;
    default: return false;
  }
}

Router::Router(RouterOptions options, std::vector<Lane> lanes, std::uint64_t seed)
    : options_(options), lanes_(std::move(lanes)), states_(lanes_.size()), random_(seed) {
  for (const auto& lane : lanes_) {
    if (!(lane.weight > 0))
      throw Error(Errc::invalid_parameter, "the weight of a route must be more than 0; leave the route out instead");
  }
}

std::optional<std::size_t> Router::choose(std::span<const bool> asked, const Error* last, Clock::Time now) {
  auto use = Route::Use::always;
  if (last != nullptr && last->code() == Errc::context_too_long) use = Route::Use::context_too_long;
  if (last != nullptr && last->code() == Errc::refused) use = Route::Use::refused;
  std::vector<std::size_t> able, left_out;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (asked[i] || lanes_[i].use != use) continue;
    const bool is_away = is_left_out(i, now);
    if (!is_away && options_.order == RouterOptions::Order::in_turn) return i;
    (is_away ? left_out : able).push_back(i);
  }
  if (!able.empty()) return pick(able);
  if (left_out.empty()) return {};
  return *std::ranges::min_element(left_out, {}, [&](std::size_t i) { return states_[i].back_at; });
}

std::size_t Router::pick(std::span<const std::size_t> able) {
  switch (options_.order) {
    case RouterOptions::Order::in_turn: return able.front();
    case RouterOptions::Order::weighted: {
      double sum = 0;
      for (const auto lane : able) sum += lanes_[lane].weight;
      auto drawn = random_.uniform() * sum;
      for (const auto lane : able) {
        if ((drawn -= lanes_[lane].weight) < 0) return lane;
      }
      return able.back();
    }
    case RouterOptions::Order::least_latency: {
      // The better of two choices does nearly as well as the best of all, and does not send everybody to one
      // (Mitzenmacher 2001).
      if (able.size() == 1) return able.front();
      const auto first = random_.below(able.size());
      auto second = random_.below(able.size() - 1);
      if (second >= first) ++second;
      return load(able[first]) <= load(able[second]) ? able[first] : able[second];
    }
    case RouterOptions::Order::least_cost:
      return *std::ranges::min_element(able, {}, [&](std::size_t lane) {
        return lanes_[lane].cost.value_or(std::numeric_limits<std::int64_t>::max());
      });
  }
  std::unreachable();
}

double Router::load(std::size_t lane) const noexcept {
  return (states_[lane].under_way + 1) * states_[lane].seconds;
}

void Router::end(std::size_t lane, const Error* error, nanoseconds time, Clock::Time now) {
  auto& state = states_[lane];
  --state.under_way;
  if (error == nullptr) {
    const auto seconds = std::chrono::duration<double>(time).count();
    state.seconds = state.seconds == 0 ? seconds : state.seconds + newest_share * (seconds - state.seconds);
    state.cooldowns = 0;
    return;
  }
  if (is_about_account(error->code())) {
    state.back_at = now + options_.parked;
  } else if (error->code() == Errc::rate_limit_exceeded) {
    const auto doubled = options_.cooldown * (std::int64_t{1} << std::min(state.cooldowns++, 16));
    const auto length = error->info().retry_after ? nanoseconds(*error->info().retry_after)
                                                  : std::min<nanoseconds>(doubled, std::chrono::minutes(1));
    state.back_at = now + length;
  } else if (error->code() == Errc::unavailable && error->info().retry_after) {
    state.back_at = now + *error->info().retry_after;
  }
}

}  // namespace dspy
