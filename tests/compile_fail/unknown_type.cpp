// expect-error: this type cannot be a signature's field
// A member's type is none that a field can have.
#include "dspy/signature/reflect.hpp"

struct Point {
  int x = 0;
};

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if DSPY_MUST_FAIL
    Point answer;
#else
    int answer = 0;
#endif
  };
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
