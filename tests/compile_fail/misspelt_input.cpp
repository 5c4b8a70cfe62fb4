// expect-error: qestion
// A call names an input that does not exist.
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
  return ask({.qestion = "Why?"}).answer;
#else
  return ask({.question = "Why?"}).answer;
#endif
}
