#include "llama/engine/thread_governor.hpp"

#include <algorithm>
#include <bit>

namespace dspy::llama {
namespace {

using namespace std::chrono_literals;

constexpr double slow_factor = 2.5;
constexpr int slow_steps_to_yield = 2;
constexpr int good_steps_to_settle = 8;
constexpr std::chrono::nanoseconds least_patience = 500ms;
constexpr std::chrono::nanoseconds most_patience = 16s;

}  // namespace

ThreadGovernor::ThreadGovernor(int most_threads)
    : most_(std::max(1, most_threads)), threads_(most_), patience_(least_patience) {}

std::size_t ThreadGovernor::class_of(std::size_t tokens) noexcept {
  return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(std::max<std::size_t>(tokens, 1))) - 1,
                               classes - 1);
}

/// Judges a step with all threads, or one that tries a thread more; keeps the best time known.
bool ThreadGovernor::is_slow(std::size_t tokens, std::chrono::nanoseconds time) {
  const auto per_token = static_cast<double>(time.count()) / static_cast<double>(std::max<std::size_t>(tokens, 1));
  auto& quiet = quiet_[class_of(tokens)];
  if (quiet == 0) quiet = per_token;
  // Longer contexts take longer, so the mark follows slowly upwards.
  const bool slow = per_token > slow_factor * quiet;
  if (!slow) quiet = std::min(quiet * 1.002, per_token < quiet ? per_token : quiet * 1.002);
  return slow;
}

bool ThreadGovernor::change(int threads, Clock::time_point now) {
  threads_ = threads;
  slow_steps_ = good_steps_ = 0;
  retry_at_ = now + patience_;
  return true;
}

bool ThreadGovernor::observe(std::size_t tokens, std::chrono::nanoseconds time, Clock::time_point now) {
  if (most_ == 1) return false;
  const bool all = threads_ == most_;
  if (all || probing_) {
    if (is_slow(tokens, time)) {
      good_steps_ = 0;
      if (++slow_steps_ < slow_steps_to_yield || threads_ == 1) return false;
      if (probing_) patience_ = std::min(2 * patience_, most_patience);
      probing_ = false;
      ++slowdowns_;
      return change(threads_ - 1, now);
    }
    slow_steps_ = 0;
    if (++good_steps_ >= good_steps_to_settle) {
      good_steps_ = good_steps_to_settle;
      if (probing_) patience_ = least_patience;
      probing_ = false;
    }
    if (all) return false;
  }
  if (now < retry_at_ || probing_) return false;
  probing_ = true;
  return change(threads_ + 1, now);
}

}  // namespace dspy::llama
