#pragma once

#include "dspy/modules/module.hpp"
#include "dspy/modules/traversal.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace dspy {

/// Runs a program up to `n` times, each with draws of its own, and returns the answer with the highest reward; an
/// answer whose reward reaches `threshold` ends it.  The first run is the program as it is; the others are drawn at
/// temperature 1.  Nothing is streamed, since which answer is the best is not known before the end.  An error ends the
/// call once more than `max_errors` runs have failed, or all have.
///
///     dspy::BestOfN best(draft, 5, [](const Input&, const Output& out) { return out.text.size() < 200 ? 1.0 : 0.0; });
template <Runnable P>
class BestOfN : public Module<BestOfN<P>, InputOf<P>, OutputOf<P>> {
 public:
  using Reward = std::function<double(const InputOf<P>& input, const OutputOf<P>& output)>;

  BestOfN(P program, int n, Reward reward, double threshold = 1, int max_errors = 0)
      : program_(std::move(program)),
        n_(n),
        reward_(std::move(reward)),
        threshold_(threshold),
        max_errors_(max_errors) {
    if (n < 1) throw Error(Errc::invalid_parameter, "BestOfN runs its program at least once");
  }

  Async<OutputOf<P>> run(InputOf<P> input, Run how) const {
    std::optional<OutputOf<P>> best;
    double most = 0;
    for (int i = 0, errors = 0; i < n_; ++i) {
      Run draw{.options = how.options};
      if (i > 0) {
        const Sampling lively{.temperature = 1, .seed = static_cast<std::uint64_t>(i)};
        draw.options.sampling = lively.over(how.options.sampling);
      }
      try {
        auto output = co_await program_.run(input, std::move(draw));
        const double reward = reward_(input, output);
        if (!best || reward > most) {
          best = std::move(output);
          most = reward;
        }
      } catch (const Error& error) {
        if (++errors > max_errors_ || (i + 1 == n_ && !best)) throw;
      }
      if (best && most >= threshold_) break;
    }
    co_return *std::move(best);
  }

  template <class F>
  void for_each_predictor(F&& visit) {
    dspy::for_each_predictor(program_, visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    dspy::for_each_predictor(program_, visit);
  }

 private:
  P program_;
  int n_;
  Reward reward_;
  double threshold_;
  int max_errors_;
};

}  // namespace dspy
