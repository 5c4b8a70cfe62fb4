#pragma once

#include "llama/model/runtime.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

namespace dspy::llama {

/// What may come next by what came before: the tokens that followed the earlier place that looks most like the end of
/// `tokens`, the latest of several; `most` at most.  Nothing where less than two tokens agree.  A view into `tokens`.
/// Prompt lookup decoding (Saxena 2023).
std::span<const Token> look_up(std::span<const Token> tokens, std::size_t most) noexcept;

/// How long the drafts of one reply should be: more while they come true, few after one that did not.
class DraftLength {
 public:
  std::size_t next() const noexcept { return length_; }
  void observe(std::size_t drafted, std::size_t accepted) noexcept;

 private:
  static constexpr std::size_t shortest = 2;
  static constexpr std::size_t longest = 64;

  std::size_t length_ = 4;
};

/// How many tokens an engine may draft, so that writing is never much slower for it.  Steps are timed with drafts and
/// without; what a drafted token costs depends on the machine, the model and the replies written at once: next to
/// nothing where a step waits for memory, most of a step where it waits for arithmetic.  Drafts may lose a 256th
/// of the time of all steps, and what earlier ones have gained.
class DraftBudget {
 public:
  using Duration = std::chrono::duration<double>;

  /// A step that was computed, of replies only.
  struct Step {
    std::size_t replies = 1;
    std::size_t tokens = 1;  ///< Without those drafted.
    std::size_t drafted = 0;
    std::size_t accepted = 0;  ///< Of these, tokens that came.
    Duration time{};
  };

  /// The tokens that may be drafted in a step of so many others.  None before a step of that size was seen.
  std::size_t allowance(std::size_t tokens) const noexcept;
  void observe(const Step& step) noexcept;

 private:
  /// The mean of what was seen lately, without the extremes that other programs cause.
  class Typical {
   public:
    void observe(double value) noexcept;
    std::optional<double> value() const noexcept { return value_; }

   private:
    std::optional<double> value_;
  };

  static constexpr double share = 1.0 / 256;
  static constexpr double at_first = 1;
  static constexpr double most = 4;
  static constexpr double first_price = 0.25;  ///< Before a drafted token was timed.

  double price(double step) const noexcept;

  std::array<Typical, 97> steps_;  ///< Seconds, by tokens.
  Typical token_;                  ///< Seconds more for a drafted one.
  double balance_ = at_first;      ///< In steps.
};

}  // namespace dspy::llama
