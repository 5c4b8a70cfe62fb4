// expect-error: holds its parts as values
// A program keeps a module behind a pointer, where nobody looks for it.
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

struct Program {
#if DSPY_MUST_FAIL
  std::shared_ptr<dspy::Predict<>> answer;
#else
  dspy::Predict<> answer{"question -> answer"};
#endif
};

auto use(const Program& program) {
  return dspy::named_predictors(program);
}
