// expect-error: missing initializer for member .*question|missing field 'question'
// A call leaves out an input that has no initialiser.
#include "dspy/modules/predict.hpp"

#pragma GCC diagnostic error "-Wmissing-field-initializers"

struct Ask {
  struct Input {
    std::string question;
    std::vector<std::string> passages = {};
  };
  struct Output {
    std::string answer;
  };
};

std::string use(const dspy::Predict<Ask>& ask) {
#if DSPY_MUST_FAIL
  return ask({.passages = {"One."}}).answer;
#else
  return ask({.question = "Why?"}).answer;
#endif
}
