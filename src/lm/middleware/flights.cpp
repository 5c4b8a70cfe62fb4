#include "lm/middleware/flights.hpp"

#include "dspy/lm/reply.hpp"

#include <utility>

namespace dspy {

Flights::Joined Flights::join(const Question& question) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = flights_.equal_range(question.hash);
  for (auto at = begin; at != end; ++at) {
    if (!(at->second->question == question)) continue;
    auto waiter = std::make_shared<Waiter>();
    at->second->waiting.push_back(waiter);
    return {.flight = at->second, .waiter = std::move(waiter)};
  }
  auto flight = std::make_shared<Flight>();
  flight->question = question;
  flights_.emplace(question.hash, flight);
  return {.flight = std::move(flight), .waiter = nullptr};
}

void Flights::land(Flight& flight, std::shared_ptr<const Reply> reply) {
  const std::lock_guard lock(mutex_);
  if (flight.state != Flight::State::under_way) return;
  flight.reply = std::move(reply);
  end(flight, Flight::State::landed);
}

void Flights::fail(Flight& flight, const Error& error) {
  const std::lock_guard lock(mutex_);
  if (flight.state != Flight::State::under_way) return;
  flight.error = error;
  end(flight, Flight::State::failed);
}

void Flights::abandon(Flight& flight) noexcept {
  const std::lock_guard lock(mutex_);
  if (flight.state == Flight::State::under_way) end(flight, Flight::State::abandoned);
}

Flights::Flight::State Flights::state(const Flight& flight) const {
  const std::lock_guard lock(mutex_);
  return flight.state;
}

void Flights::end(Flight& flight, Flight::State state) noexcept {
  flight.state = state;
  for (const auto& waiter : flight.waiting) waiter->wake();
  flight.waiting.clear();
  const auto [begin, end] = flights_.equal_range(flight.question.hash);
  for (auto at = begin; at != end; ++at) {
    if (at->second.get() != &flight) continue;
    flights_.erase(at);
    break;
  }
}

}  // namespace dspy
