// expect-error: Output needs at least one member
// Nothing is asked for.
#include "dspy/signature/reflect.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if !DSPY_MUST_FAIL
    std::string answer;
#endif
  };
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
