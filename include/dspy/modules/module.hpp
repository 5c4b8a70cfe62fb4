#pragma once

#include "dspy/modules/run.hpp"

#include <expected>
#include <utility>
#include <vector>

namespace dspy {

/// Gives a class that has `Async<Out> run(In, Run) const` its calls as members.
///
///     class Twice : public dspy::Module<Twice, Question, Answer> { … };
template <class Self, class In, class Out>
class Module {  // NOLINT(bugprone-crtp-constructor-accessibility): aggregates may be modules
 public:
  using Input = In;
  using Output = Out;

  Output operator()(Input input, CallOptions options = {}) const {
    return call(self(), std::move(input), std::move(options));
  }
  Async<Output> acall(Input input, CallOptions options = {}) const {
    return dspy::acall(self(), std::move(input), std::move(options));
  }
  Output stream(Input input, FieldSink sink, CallOptions options = {}) const {
    return dspy::stream(self(), std::move(input), std::move(sink), std::move(options));
  }
  std::vector<std::expected<Output, Error>> batch(std::vector<Input> inputs, const BatchOptions& options = {}) const {
    return run_batch(self(), std::move(inputs), options);
  }

 private:
  const Self& self() const noexcept { return static_cast<const Self&>(*this); }
};

}  // namespace dspy
