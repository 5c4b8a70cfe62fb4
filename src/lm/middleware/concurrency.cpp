#include "dspy/lm/middleware/concurrency.hpp"

#include "lm/middleware/waiter.hpp"
#include "lm/middleware/wrapper.hpp"

#include <deque>
#include <format>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// Places for requests, and those who wait for one.
class Places {
 public:
  explicit Places(const ConcurrencyOptions& options) : limit_(options), max_queue_(options.max_queue) {}

  /// A place; null if there is none, in which case a waiter is queued.  Throws if the queue is full.
  bool take(std::shared_ptr<Waiter>& waiter) {
    const std::lock_guard lock(mutex_);
    if (in_flight_ < limit_.limit() && queue_.empty()) {
      ++in_flight_;
      return true;
    }
    if (queue_.size() >= max_queue_)
      throw Error(Errc::rate_limit_exceeded,
                  std::format("{} requests are already waiting for this model; send fewer at once, or raise max_queue",
                              queue_.size()));
    waiter = std::make_shared<Waiter>();
    queue_.push_back(waiter);
    return false;
  }

  /// Whether the waiter was given a place; if not, it leaves the queue.
  bool has_place(const std::shared_ptr<Waiter>& waiter) {
    const std::lock_guard lock(mutex_);
    return std::erase(queue_, waiter) == 0;
  }

  void give_back(bool was_overloaded, bool was_well) {
    const std::lock_guard lock(mutex_);
    if (was_overloaded) limit_.count_overload(in_flight_ - 1);
    if (was_well) limit_.count_success(in_flight_ >= limit_.limit());
    --in_flight_;
    while (in_flight_ < limit_.limit() && !queue_.empty()) {
      ++in_flight_;
      queue_.front()->wake();
      queue_.pop_front();
    }
  }

 private:
  std::mutex mutex_;
  ConcurrencyLimit limit_;
  std::size_t max_queue_;
  int in_flight_ = 0;
  std::deque<std::shared_ptr<Waiter>> queue_;
};

/// A place that is given back whatever happens.
class Place {
 public:
  explicit Place(Places& places) noexcept : places_(places) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { places_.give_back(was_overloaded, was_well); }

  bool was_overloaded = false;
  bool was_well = false;

 private:
  Places& places_;
};

/// One who waits, and does not stay in the queue, nor keep a place, if the wait is cut short.
class Turn {
 public:
  Turn(Places& places, std::shared_ptr<Waiter> waiter) : places_(places), waiter_(std::move(waiter)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (waiter_ && places_.has_place(waiter_)) places_.give_back(false, false);
  }

  bool came() {
    const bool has_place = places_.has_place(waiter_);
    waiter_.reset();
    return has_place;
  }

 private:
  Places& places_;
  std::shared_ptr<Waiter> waiter_;
};

Async<Reply> run(std::shared_ptr<LM> lm, std::shared_ptr<Places> places, Request request, Delivery delivery) {
  std::shared_ptr<Waiter> waiter;
  if (!places->take(waiter)) {
    Turn turn(*places, waiter);
    co_await Waiter::wait(waiter, request.stop, request.deadline);
    const bool has_come = turn.came();
    if (!has_come || request.stop.stop_requested()) {
      if (has_come) places->give_back(false, false);
      if (request.stop.stop_requested())
        throw Error(Errc::cancelled, "the caller asked to stop while the request waited for its turn");
      throw Error(Errc::deadline_exceeded, "the request's deadline passed while it waited for its turn");
    }
  }
  Place place(*places);
  try {
    auto reply = co_await ask(*lm, std::move(request), delivery);
    place.was_well = true;
    co_return reply;
  } catch (const Error& error) {
    place.was_overloaded = is_retryable(error.code());
    throw;
  }
}

class ConcurrentLM final : public Wrapper {
 public:
  ConcurrentLM(std::shared_ptr<LM> inner, std::shared_ptr<Places> places)
      : Wrapper(std::move(inner)), places_(std::move(places)) {}

  Async<Reply> complete(Request request) override { return run(inner(), places_, std::move(request), Delivery({})); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(inner(), places_, std::move(request), Delivery(std::move(sink)));
  }

 private:
  std::shared_ptr<Places> places_;
};

}  // namespace

void validate(const ConcurrencyOptions& options) {
  const auto require = [](bool holds, std::string_view name, std::string_view rule) {
    if (!holds)
      throw Error(Errc::invalid_parameter, std::format("the limit `{}` of requests at once must be {}", name, rule));
  };
  require(options.min >= 1, "min", "1 or more");
  require(options.max >= options.min, "max", "at least `min`");
  require(options.start >= options.min && options.start <= options.max, "start", "from `min` to `max`");
  require(options.decrease > 0 && options.decrease < 1, "decrease", "between 0 and 1");
}

Layer concurrent(ConcurrencyOptions options) {
  validate(options);
  return [options](std::shared_ptr<LM> inner) -> std::shared_ptr<LM> {
    return std::make_shared<ConcurrentLM>(std::move(inner), std::make_shared<Places>(options));
  };
}

}  // namespace dspy
