#pragma once

#include "dspy/modules/detail/attempts.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/traversal.hpp"

#include <exception>
#include <functional>
#include <utility>

namespace dspy {

/// Runs a program up to `n` times with different samples, and returns the answer with the highest reward; an answer
/// whose reward reaches `threshold` ends the runs.  The first run uses the program unchanged; the others sample at
/// temperature 1.  Nothing is streamed, since the best answer is not known before the end.  An error ends the call once
/// more than `max_errors` runs have failed, or all have; a reward that throws or is not a number fails its run.
///
///     dspy::BestOfN best(draft, 5, [](const Input&, const Output& out) { return out.text.size() < 200 ? 1.0 : 0.0; });
template <Runnable P>
class BestOfN : public Module<BestOfN<P>, InputOf<P>, OutputOf<P>> {
 public:
  using Reward = std::function<double(const InputOf<P>& input, const OutputOf<P>& output)>;

  BestOfN(P program, int n, Reward reward, double threshold = 1, int max_errors = 0)
      : program_(std::move(program)), reward_(std::move(reward)), begin_("BestOfN", n, threshold, max_errors) {}

  Async<OutputOf<P>> run(InputOf<P> input, Run how) const {
    auto best = begin_;
    while (best.goes_on()) {
      try {
        Run draw{.options = detail::lively(how.options, best.done())};
        auto output = co_await program_.run(input, std::move(draw));
        const double reward = reward_(input, output);
        best.accept(std::move(output), reward);
      } catch (...) {
        best.fail(std::current_exception());
      }
    }
    co_return best.take();
  }

  template <class Self, class F>
  void for_each_predictor(this Self& self, F&& visit) {
    dspy::for_each_predictor(self.program_, visit);
  }

 private:
  P program_;
  Reward reward_;
  detail::BestRun<OutputOf<P>> begin_;
};

}  // namespace dspy
