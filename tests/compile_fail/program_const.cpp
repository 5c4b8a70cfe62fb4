// expect-error: remove `const` from the member
// A predictor that is a const member cannot be given another model.
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

struct Program {
#if DSPY_MUST_FAIL
  const
#endif
      dspy::Predict<>
          answer{"question -> answer"};
};

auto use(const Program& program) {
  return dspy::with_lm(program, nullptr);
}
