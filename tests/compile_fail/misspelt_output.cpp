// expect-error: anwser
// A result has no such field.
#include "dspy/modules/predict.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
  };
};

std::string use(const dspy::Predict<Ask>& ask) {
#if DSPY_MUST_FAIL
  return ask({.question = "Why?"}).anwser;
#else
  return ask({.question = "Why?"}).answer;
#endif
}
