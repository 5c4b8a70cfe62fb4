#pragma once

#include "dspy/base/error.hpp"
#include "lm/middleware/question.hpp"
#include "lm/middleware/waiter.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace dspy {

struct Reply;

/// Questions that are being asked, so that an equal one need not be.  Thread-safe.
class Flights {
 public:
  /// One question under way: somebody leads, others wait for what comes of it.
  struct Flight {
    Question question;
    std::vector<std::shared_ptr<Waiter>> waiting;
    enum class State { under_way, landed, failed, abandoned } state = State::under_way;
    std::shared_ptr<const Reply> reply;
    std::optional<Error> error;
  };

  /// Joins the flight of this question, or begins one (then `waiter` is null).
  struct Joined {
    std::shared_ptr<Flight> flight;
    std::shared_ptr<Waiter> waiter;
  };

  Joined join(const Question& question);
  /// What became of it.  Only the leader calls these, and only one of them counts.
  void land(Flight& flight, std::shared_ptr<const Reply> reply);
  void fail(Flight& flight, const Error& error);
  /// The leader has given up; one of the waiting callers starts over.
  void abandon(Flight& flight) noexcept;
  /// As it is now.
  Flight::State state(const Flight& flight) const;

 private:
  void end(Flight& flight, Flight::State state) noexcept;

  mutable std::mutex mutex_;
  std::unordered_multimap<std::uint64_t, std::shared_ptr<Flight>> flights_;
};

}  // namespace dspy
