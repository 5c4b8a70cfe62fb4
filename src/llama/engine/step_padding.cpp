#include "llama/engine/step_padding.hpp"

#include <algorithm>

namespace dspy::llama {

std::size_t StepPadding::padding(std::size_t tokens) noexcept {
  const auto left_over = tokens % group;
  if (left_over == 0) return 0;
  auto& known = remainders_[left_over];
  if (known.tried == trials && ++known.steps > steps_between) known = {};
  const bool fills_up = known.tried == trials ? known.pays : last_tokens_ == tokens;
  return fills_up ? group - left_over : 0;
}

void StepPadding::observe(std::size_t tokens, std::size_t padding, Duration time) noexcept {
  auto& known = remainders_[tokens % group];
  if (padding > 0 && known.tried < trials && last_tokens_ == tokens) {
    known.ratios[known.tried++] = time / last_time_;
    if (known.tried == trials) {
      std::ranges::nth_element(known.ratios, known.ratios.begin() + trials / 2);
      known.pays = known.ratios[trials / 2] < worth_it;
    }
  }
  last_tokens_ = padding == 0 ? tokens : 0;
  last_time_ = time;
}

}  // namespace dspy::llama
