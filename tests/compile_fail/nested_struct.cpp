// expect-error: a struct cannot be a signature's field yet
// A struct stands where only values can.
#include "dspy/signature/reflect.hpp"

struct Address {
  std::string street;
};

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if DSPY_MUST_FAIL
    std::vector<Address> addresses;
#else
    std::vector<std::string> addresses;
#endif
  };
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
