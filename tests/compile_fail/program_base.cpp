// expect-error: the members of a program that has a base cannot be found
// A program that is an aggregate with a base, whose members reflection does not see.
#include "dspy/modules/module.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

struct Program
#if DSPY_MUST_FAIL
    : dspy::Module<Program, dspy::JsonObject, dspy::Prediction>
#endif
{
  dspy::Predict<> answer{"question -> answer"};

  dspy::Async<dspy::Prediction> run(dspy::JsonObject inputs, dspy::Run how) const {
    co_return co_await answer.run(std::move(inputs), std::move(how));
  }
};

auto use(const Program& program) {
  return dspy::named_predictors(program);
}
