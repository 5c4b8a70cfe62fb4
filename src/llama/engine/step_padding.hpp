#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace dspy::llama {

/// Whether a step is filled up with tokens that nobody asked for.  Kernels for some formats of weights take four tokens
/// at once and what is left over one by one, so that eight tokens may take less time than seven.  Whether they do
/// depends on the machine and the file, so it is found out: now and then, steps of the same size are computed both
/// ways, one after the other.
class StepPadding {
 public:
  using Duration = std::chrono::duration<double>;
  static constexpr std::size_t group = 4;

  /// How many tokens to add to a step of so many.
  std::size_t padding(std::size_t tokens) noexcept;
  /// A step was computed, the one that `padding` was asked about last.
  void observe(std::size_t tokens, std::size_t padding, Duration time) noexcept;

 private:
  static constexpr std::size_t trials = 5;
  static constexpr unsigned steps_between = 1024;
  static constexpr double worth_it = 0.97;

  /// What is known of steps that leave over so many tokens.
  struct Remainder {
    std::array<double, trials> ratios{};  ///< Of the time with padding to that without.
    std::size_t tried = 0;
    bool pays = false;
    unsigned steps = 0;  ///< Since that was found out.
  };

  std::array<Remainder, group> remainders_{};
  std::size_t last_tokens_ = 0;  ///< Of the last step, if it was not filled up.
  Duration last_time_{};
};

}  // namespace dspy::llama
