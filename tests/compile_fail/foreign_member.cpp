// expect-error: belongs neither to this signature's Input nor to its Output
// The table describes a member of another struct.
#include "dspy/signature/reflect.hpp"

struct Other {
  std::string answer;
};

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
  };
#if DSPY_MUST_FAIL
  static constexpr auto fields = dspy::describe(dspy::field<&Other::answer>(dspy::desc("One word.")));
#else
  static constexpr auto fields = dspy::describe(dspy::field<&Output::answer>(dspy::desc("One word.")));
#endif
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
