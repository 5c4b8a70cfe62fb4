#include "dspy/lm/middleware/router.hpp"
#include "lm/middleware/wrapper.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <mutex>
#include <utility>

namespace dspy {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t most_routes = 32;

struct Routes {
  std::vector<Route> routes;
  Timing timing;
  bool has_other_for_refused;
  bool compares_times;
  std::mutex mutex;
  Router router;
};

/// A lane in use, whose end is always reported.
class UnderWay {
 public:
  UnderWay(Routes& routes, std::size_t lane, Clock::Time begun) : routes_(routes), lane_(lane), begun_(begun) {}
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  ~UnderWay() {
    if (is_under_way_) {
      const Error cut(Errc::cancelled, "the call was torn down");
      end(&cut);
    }
  }

  /// How long it took, where somebody wants to know: to ask the time takes longer than all else here.
  nanoseconds end(const Error* error, bool is_told = false) {
    is_under_way_ = false;
    const bool is_timed = error != nullptr || is_told || routes_.compares_times;
    const auto now = is_timed ? routes_.timing.clock->now() : begun_;
    const std::lock_guard lock(routes_.mutex);
    routes_.router.end(lane_, error, now - begun_, now);
    return now - begun_;
  }

 private:
  Routes& routes_;
  std::size_t lane_;
  Clock::Time begun_;
  bool is_under_way_ = true;
};

bool has_declined(const Reply& reply) noexcept {
  return std::ranges::any_of(reply.completions, [](const Completion& each) {
    return each.finish == FinishReason::content_filter || !each.refusal.empty();
  });
}

Usage sum(const std::vector<Attempt>& attempts) {
  Usage all;
  for (const auto& attempt : attempts) all += attempt.usage;
  return all;
}

/// The reply of `lm` with what was tried before it.
Reply told(Reply reply, const LM& lm, std::vector<Attempt> earlier, nanoseconds time) {
  if (earlier.empty()) return reply;
  reply.adaptations.push_back({.field = "model",
                               .action = Adaptation::Action::substituted,
                               .reason = earlier.front().message,
                               .asked = Json(earlier.front().lm),
                               .applied = Json(lm.model())});
  const auto own = reply.usage;
  reply.usage += sum(earlier);
  auto& attempts = reply.handling.edit().attempts;
  if (attempts.empty()) attempts.push_back({.lm = std::string(lm.model()), .time = time, .usage = own});
  attempts.insert(attempts.begin(), std::make_move_iterator(earlier.begin()), std::make_move_iterator(earlier.end()));
  return reply;
}

/// Whether another lane may be asked after this error.
bool may_go_on(const Error& error, const Delivery& delivery, const std::stop_token& stop) noexcept {
  if (delivery.has_content() || stop.stop_requested()) return false;
  return is_worth_another_lm(error) || error.code() == Errc::context_too_long || error.code() == Errc::refused;
}

Async<Reply> run(std::shared_ptr<Routes> routes, Request request, Delivery delivery) {
  std::array<bool, most_routes> asked = {};
  std::vector<Attempt> earlier;
  std::optional<Error> last;
  std::optional<Reply> declined;  // available if no other answers
  while (true) {
    std::optional<std::size_t> lane;
    const auto now = routes->timing.clock->now();
    {
      const std::lock_guard lock(routes->mutex);
      lane = routes->router.choose(std::span(asked).first(routes->routes.size()), last ? &*last : nullptr, now);
      if (lane) routes->router.begin(*lane);
    }
    if (!lane && declined) {
      std::erase_if(earlier, [&](const Attempt& attempt) { return attempt.error == Errc::refused; });
      declined->usage += sum(earlier);
      co_return *std::move(declined);
    }
    if (!lane) {
      const auto attempts = earlier.size();
      earlier.pop_back();
      throw with_attempts(*last, sum(earlier), attempts);
    }
    asked[*lane] = true;
    auto& lm = *routes->routes[*lane].lm;
    const bool is_only = routes->routes.size() == 1;
    UnderWay under_way(*routes, *lane, now);
    std::optional<Reply> reply;
    std::optional<Error> failure;
    try {
      auto question = is_only ? std::move(request) : request;
      reply = co_await ask(lm, std::move(question), delivery);
    } catch (const Error& error) {
      failure = error;
    }
    const auto time = under_way.end(failure ? &*failure : nullptr, !earlier.empty() || routes->has_other_for_refused);
    if (reply) {
      const bool asks_on =
          routes->has_other_for_refused && !declined && !delivery.has_content() && has_declined(*reply);
      if (!asks_on) co_return told(*std::move(reply), lm, std::move(earlier), time);
      failure.emplace(Errc::refused, std::format("`{}` declined to answer", lm.model()),
                      ErrorInfo{.usage = reply->usage});
      declined = std::move(reply);
    } else if (!may_go_on(*failure, delivery, request.stop)) {
      throw with_attempts(*failure, sum(earlier), earlier.size() + 1);
    }
    earlier.push_back({.lm = std::string(lm.model()),
                       .time = time,
                       .error = failure->code(),
                       .message = failure->what(),
                       .usage = failure->info().usage});
    last = std::move(failure);
  }
}

class RouterLM final : public LM {
 public:
  explicit RouterLM(std::shared_ptr<Routes> routes) : routes_(std::move(routes)) {}

  std::string_view model() const noexcept override { return routes_->routes.front().lm->model(); }
  Capabilities capabilities() const override { return routes_->routes.front().lm->capabilities(); }
  std::string fingerprint() const override {
    std::string all = "router";
    for (const auto& route : routes_->routes) all.append("|").append(route.lm->fingerprint());
    return all;
  }
  Async<Reply> complete(Request request) override { return run(routes_, std::move(request), Delivery({})); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(routes_, std::move(request), Delivery(std::move(sink)));
  }

 private:
  std::shared_ptr<Routes> routes_;
};

}  // namespace

std::shared_ptr<LM> router(std::vector<Route> routes, RouterOptions options,
                           const std::shared_ptr<const PriceTable>& prices, Timing timing) {
  if (routes.empty() || routes.size() > most_routes)
    throw Error(Errc::config_error,
                std::format("a router has {} LMs; give it from 1 to {}", routes.size(), most_routes));
  std::vector<Router::Lane> lanes;
  for (const auto& route : routes) {
    if (!route.lm) throw Error(Errc::config_error, "a route of a router has no LM; give one, or leave the route out");
    const auto price = prices ? prices->find(route.lm->model()) : std::nullopt;
    lanes.push_back(
        {.weight = route.weight, .use = route.use, .cost = price ? highest_cost(*price, 1'000, 1'000) : std::nullopt});
  }
  const bool has_always =
      std::ranges::any_of(routes, [](const Route& route) { return route.use == Route::Use::always; });
  if (!has_always) throw Error(Errc::config_error, "no LM of the router is asked first; give at least one Use::always");
  const bool for_refused =
      std::ranges::any_of(routes, [](const Route& route) { return route.use == Route::Use::refused; });
  const auto seed = Seeds(timing.seed).next()();
  auto shared = std::shared_ptr<Routes>(new Routes{std::move(routes),
                                                   std::move(timing),
                                                   for_refused,
                                                   options.order == RouterOptions::Order::least_latency,
                                                   {},
                                                   Router(options, std::move(lanes), seed)});
  return std::make_shared<RouterLM>(std::move(shared));
}

}  // namespace dspy
