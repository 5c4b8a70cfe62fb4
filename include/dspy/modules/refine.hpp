#pragma once

#include "dspy/lm/trace_steps.hpp"
#include "dspy/modules/detail/advice.hpp"
#include "dspy/modules/detail/attempts.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/signature/reflect.hpp"

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dspy {

/// A reward with its explanation.
struct Judged {
  double reward = 0;
  std::string feedback = {};
};

struct RefineOptions {
  int n = 3;             ///< Runs at most.  At least 1.
  double threshold = 1;  ///< A reward that ends it.
  int max_errors = 0;    ///< Runs that may fail.
  /// Who is asked what went wrong; without an LM, the one given to `configure`.
  PredictorOptions advisor = {};
};

/// Like `BestOfN`, but between runs it shows a model the last run's calls, outputs and reward, and asks what each
/// module of the program should do differently.  In the next run each module gets its advice as an additional input,
/// the hint.  Returns the answer with the highest reward.  If asking for advice fails, the next run has none.
///
///     dspy::Refine refine(draft, [](const Input&, const Output& out) -> dspy::Judged {
///       return out.text.size() < 200 ? Judged{1} : Judged{0, "it has more than 200 letters"};
///     }, {.n = 4});
template <Runnable P>
class Refine : public Module<Refine<P>, InputOf<P>, OutputOf<P>> {
 public:
  using Reward = std::function<Judged(const InputOf<P>& input, const OutputOf<P>& output)>;

  /// `reward` returns a number or a `Judged`.
  template <class F>
  Refine(P program, F reward, RefineOptions options = {})
      : program_(std::move(program)),
        reward_(judged(std::move(reward))),
        options_(std::move(options)),
        advisor_(detail::advice_signature(), options_.advisor),
        begin_("Refine", options_.n, options_.threshold, options_.max_errors) {}

  Async<OutputOf<P>> run(InputOf<P> input, Run how) const {
    auto best = begin_;
    detail::Advice advice;
    while (best.goes_on()) {
      std::optional<detail::WeakRun> weak;
      try {
        const auto steps = std::make_shared<TraceSteps>();
        const auto program = traced(hinted(advice), steps);
        Run draw{.options = detail::lively(how.options, best.done())};
        auto output = co_await program.run(input, std::move(draw));
        auto verdict = reward_(input, output);
        weak = detail::WeakRun{.steps = steps->take(),
                               .outputs = values_of(output),
                               .reward = verdict.reward,
                               .feedback = std::move(verdict.feedback)};
        best.accept(std::move(output), weak->reward);
      } catch (...) {
        weak.reset();
        best.fail(std::current_exception());
      }
      if (weak && best.goes_on()) {
        weak->threshold = options_.threshold;
        weak->inputs = values_of(input);
        advice = co_await new_advice(*std::move(weak), how.options);
      }
    }
    co_return best.take();
  }

  template <class Self, class F>
  void for_each_predictor(this Self& self, F&& visit) {
    dspy::for_each_predictor(self.program_, visit);
  }

 private:
  template <class F>
  static Reward judged(F reward) {
    return [reward = std::move(reward)](const InputOf<P>& input, const OutputOf<P>& output) -> Judged {
      if constexpr (std::convertible_to<decltype(reward(input, output)), Judged>) {
        return reward(input, output);
      } else {
        return {.reward = static_cast<double>(reward(input, output))};
      }
    };
  }

  template <class T>
  static JsonObject values_of(const T& value) {
    if constexpr (std::same_as<T, JsonObject>) {
      return value;
    } else if constexpr (std::same_as<T, Prediction>) {
      return value.data;
    } else if constexpr (requires { value.prediction(); }) {
      return value.prediction().data;
    } else {
      return to_values(value);
    }
  }

  P hinted(const detail::Advice& advice) const {
    auto program = program_;
    dspy::for_each_predictor(program, [&](const std::string& path, Predictor& predictor) {
      if (const auto hint = advice.find(path); hint != advice.end())
        predictor.set_signature(detail::with_hint(predictor.signature(), hint->second));
    });
    return program;
  }

  Async<detail::Advice> new_advice(detail::WeakRun run, CallOptions options) const {
    auto advisor = advisor_;
    dspy::for_each_predictor(program_, [&](const std::string& path, const Predictor& predictor) {
      run.modules.emplace_back(path, predictor.signature());
      // Advice is part of the program's run: within its deadline and budget, and by its model unless it has its own.
      if (advisor.context() == nullptr && predictor.context() != nullptr) advisor.set_context(*predictor.context());
      if (advisor.lm() == nullptr) advisor.set_lm(predictor.lm());
    });
    try {
      co_return co_await detail::advise(std::move(advisor), std::move(run), std::move(options));
    } catch (const Error& error) {
      if (detail::ends_all(error.code())) throw;
    }
    co_return detail::Advice();
  }

  P program_;
  Reward reward_;
  RefineOptions options_;
  Predictor advisor_;
  detail::BestRun<OutputOf<P>> begin_;
};

}  // namespace dspy
