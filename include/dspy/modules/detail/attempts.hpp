#pragma once

#include "dspy/base/error.hpp"
#include "dspy/modules/predictor.hpp"

#include <cmath>
#include <cstdint>
#include <exception>
#include <format>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy::detail {

/// Errors after which no other run can succeed either.
inline bool ends_all(Errc code) noexcept {
  return code == Errc::cancelled || code == Errc::deadline_exceeded || code == Errc::token_budget_exhausted ||
         code == Errc::config_error;
}

inline Error as_error(const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {Errc::inference_failed, error.what()};
  }
}

/// The options of run `number` (from 0): unchanged for the first, temperature 1 and a different seed for each of the
/// others.
inline CallOptions lively(CallOptions options, int number) {
  if (number == 0) return options;
  const auto first = options.sampling.seed.value_or(0);
  options.sampling.temperature = 1;
  options.sampling.seed = first + static_cast<std::uint64_t>(number);
  return options;
}

/// Keeps the best of several runs and counts those that failed.  A module has one as it begins, and copies it for each
/// call.
template <class Out>
class BestRun {
 public:
  BestRun(std::string_view module, int runs, double threshold, int max_errors)
      : module_(module), runs_(runs), threshold_(threshold), max_errors_(max_errors) {
    if (runs < 1) {
      throw Error(Errc::invalid_parameter,
                  std::format("{} runs its program at least once, not {} times", module, runs));
    }
  }

  bool goes_on() const noexcept { return done_ < runs_ && !(best_ && reward_ >= threshold_); }
  int done() const noexcept { return done_; }

  /// Throws `Error` (`bad_input`) for a reward that is not a number, which fails the run.
  void accept(Out out, double reward) {
    if (std::isnan(reward))
      throw Error(Errc::bad_input, std::format("the reward of {} is not a number; return one", module_));
    ++done_;
    if (best_ && reward <= reward_) return;
    best_ = std::move(out);
    reward_ = reward;
  }

  /// For the exception that ended a run.  Throws it, as an `Error`, if that is one too many, or nothing can be
  /// returned.
  void fail(const std::exception_ptr& why) {
    const auto error = as_error(why);
    ++done_;
    if (++errors_ > max_errors_ || ends_all(error.code()) || (done_ == runs_ && !best_)) throw error;
  }

  Out take() { return *std::move(best_); }

 private:
  std::string_view module_;
  int runs_;
  double threshold_;
  int max_errors_;
  std::optional<Out> best_ = {};
  double reward_ = 0;
  int done_ = 0, errors_ = 0;
};

}  // namespace dspy::detail
