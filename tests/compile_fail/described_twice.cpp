// expect-error: keep one of them|put all its notes into one
// A member has notes in two places.
#include "dspy/signature/reflect.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if DSPY_MUST_FAIL && DSPY_REFLECTION
    [[= dspy::max_length{80}]]
#endif
        std::string answer;
  };
  static constexpr auto fields = dspy::describe(
#if DSPY_MUST_FAIL && !DSPY_REFLECTION
      dspy::field<&Output::answer>(dspy::max_length{80}),
#endif
      dspy::field<&Output::answer>(dspy::desc("One word.")));
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
