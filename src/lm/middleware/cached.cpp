#include "dspy/base/error.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "lm/middleware/cache_impl.hpp"
#include "lm/middleware/wrapper.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace dspy {
namespace {

/// Whether it depends on the request alone: a file on this machine may change under its name.
bool is_self_contained(const Request& request) {
  for (const auto& message : request.messages) {
    for (const auto& part : message.parts) {
      if (const auto* const media = part.get<MediaPart>(); media != nullptr && !media->path.empty()) return false;
    }
  }
  return true;
}

/// What calls through one layer share.
struct Layered {
  std::shared_ptr<LM> lm;
  std::shared_ptr<Cache> cache;
  std::once_flag once;
  std::shared_ptr<const std::string> scope;
  std::string fingerprint;

  /// Not when the layer is made, since some LMs have to load a model for it.
  const std::shared_ptr<const std::string>& found_in() {
    std::call_once(once, [this] {
      fingerprint = lm->fingerprint();
      scope = std::make_shared<const std::string>(fingerprint + '\n' + cache->options().scope);
    });
    return scope;
  }
};

/// What is held by somebody else for as long as it is needed: threads that ask the same do not count it in turn.
template <class T>
std::shared_ptr<const T> borrowed(const T& held) {
  return {std::shared_ptr<void>(), &held};
}

/// The question without copies of the request and the scope, which it points to.
Question question_of(const Request& request, Layered& layered) {
  const auto& scope = *layered.found_in();
  Question out{.hash = quick_hash(request, 0), .scope = borrowed(scope), .rollout = {}, .request = nullptr};
  if (request.provider && (!request.provider->metadata.empty() || !request.provider->user_id.empty())) {
    out.rollout = rollout_of(request);
    auto counts = std::make_shared<Request>(request);
    keep_what_counts(*counts);
    out.request = std::move(counts);
  } else {
    out.request = borrowed(request);
  }
  return out;
}

/// Makes a question one that can be kept.
void own(Question& question, const Request& request, Layered& layered) {
  question.scope = layered.found_in();
  if (question.request.get() != &request) return;
  auto copy = std::make_shared<Request>(request);
  keep_what_counts(*copy);
  question.request = std::move(copy);
}

/// The one who asks for all: whatever happens, those who wait learn of it.
class Lead {
 public:
  Lead(Flights& flights, std::shared_ptr<Flights::Flight> flight) : flights_(flights), flight_(std::move(flight)) {}
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() { flights_.abandon(*flight_); }

  void land(std::shared_ptr<const Reply> reply) { flights_.land(*flight_, std::move(reply)); }
  void fail(const Error& error) {
    // This caller's own cancellation does not affect others.
    if (error.code() != Errc::cancelled && error.code() != Errc::deadline_exceeded) flights_.fail(*flight_, error);
  }

 private:
  Flights& flights_;
  std::shared_ptr<Flights::Flight> flight_;
};

Reply handed_out(const Reply& reply, const EventSink& sink) {
  if (sink) tell_whole(reply, sink);
  return reply;
}

/// Asks the LM, and keeps what it says.
Async<Reply> lead(std::shared_ptr<Layered> layered, Question question, std::shared_ptr<Flights::Flight> flight,
                  Request request, EventSink sink) {
  auto& cache = layered->cache->impl();
  Lead lead(cache.flights, std::move(flight));
  std::string key;
  if (cache.reads()) {
    // It may have landed between the look into memory and the take-off.
    if (const auto found = cache.memory.find(question, cache.now())) {
      lead.land(found);
      co_return handed_out(*found, sink);
    }
  }
  if (cache.store) {
    key = cache_key(request, layered->fingerprint, cache.options.scope);
    if (const auto found = cache.reads() ? cache.find_kept(question, key) : nullptr) {
      lead.land(found);
      co_return handed_out(*found, sink);
    }
  }
  const auto program = program_of(request);
  drop_rollout(request);
  try {
    auto asked = sink ? layered->lm->stream(std::move(request), sink) : layered->lm->complete(std::move(request));
    auto reply = co_await std::move(asked);
    cache.keep(question, key, reply, std::string(layered->lm->model()), program);
    lead.land(std::make_shared<const Reply>(as_hit(reply, ReplySource::shared)));
    co_return reply;
  } catch (const Error& error) {
    lead.fail(error);
    throw;
  }
}

Async<Reply> pass(std::shared_ptr<Layered> layered, Request request, EventSink sink) {
  drop_rollout(request);
  auto asked =
      sink ? layered->lm->stream(std::move(request), std::move(sink)) : layered->lm->complete(std::move(request));
  co_return co_await std::move(asked);
}

Async<Reply> run(std::shared_ptr<Layered> layered, Request request, EventSink sink) {
  auto& cache = layered->cache->impl();
  if (!is_self_contained(request)) co_return co_await pass(std::move(layered), std::move(request), std::move(sink));
  auto question = question_of(request, *layered);
  if (cache.reads()) {
    if (const auto found = cache.memory.find(question, cache.now())) co_return handed_out(*found, sink);
  }
  own(question, request, *layered);
  if (!cache.reads()) {
    auto alone = std::make_shared<Flights::Flight>();
    co_return co_await lead(std::move(layered), std::move(question), std::move(alone), std::move(request),
                            std::move(sink));
  }
  while (true) {
    auto [flight, waiter] = cache.flights.join(question);
    if (!waiter)
      co_return co_await lead(std::move(layered), std::move(question), std::move(flight), std::move(request),
                              std::move(sink));
    co_await Waiter::wait(waiter, request.stop, request.deadline);
    switch (cache.flights.state(*flight)) {
      case Flights::Flight::State::landed: co_return handed_out(*flight->reply, sink);
      case Flights::Flight::State::failed: throw Error(*flight->error);
      case Flights::Flight::State::under_way:
      case Flights::Flight::State::abandoned: break;
    }
    if (request.stop.stop_requested()) throw Error(Errc::cancelled, "the caller asked to stop");
    if (cache.flights.state(*flight) == Flights::Flight::State::under_way)
      throw Error(Errc::deadline_exceeded, "the request's deadline passed while an equal one was under way");
  }
}

class CachedLM final : public Wrapper {
 public:
  CachedLM(std::shared_ptr<LM> inner, std::shared_ptr<Cache> cache)
      : Wrapper(inner), layered_(std::make_shared<Layered>()) {
    layered_->lm = std::move(inner);
    layered_->cache = std::move(cache);
  }

  Async<Reply> complete(Request request) override { return run(layered_, std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(layered_, std::move(request), std::move(sink));
  }

 private:
  std::shared_ptr<Layered> layered_;
};

}  // namespace

Layer cached(std::shared_ptr<Cache> cache) {
  if (!cache) throw Error(Errc::config_error, "there is no cache; make one, or leave the layer out");
  return [cache = std::move(cache)](std::shared_ptr<LM> inner) -> std::shared_ptr<LM> {
    return std::make_shared<CachedLM>(std::move(inner), cache);
  };
}

Layer cached(CacheOptions options) {
  return cached(std::make_shared<Cache>(std::move(options)));
}

}  // namespace dspy
