// expect-error: the same name in Input and in Output
// One name on both sides.
#include "dspy/signature/reflect.hpp"

struct Ask {
  struct Input {
    std::string text;
  };
  struct Output {
#if DSPY_MUST_FAIL
    std::string text;
#else
    std::string answer;
#endif
  };
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
