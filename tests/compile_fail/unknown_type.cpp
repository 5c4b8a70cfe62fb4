// expect-error: this type cannot be a signature's field
// A member's type is none that a field can have.
#include "dspy/signature/reflect.hpp"

class Opaque {
 public:
  int x() const { return x_; }

 private:
  int x_ = 0;
};

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if DSPY_MUST_FAIL
    Opaque answer;
#else
    int answer = 0;
#endif
  };
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
