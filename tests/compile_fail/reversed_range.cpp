// expect-error: the minimum is above the maximum
// A range stands the wrong way round.
#include "dspy/signature/notes.hpp"

#if DSPY_MUST_FAIL
constexpr auto range = dspy::between(1, 0);
#else
constexpr auto range = dspy::between(0, 1);
#endif

double use() {
  return range.minimum.value();
}
