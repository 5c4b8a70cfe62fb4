// expect-error: two (notes|annotations) of one kind
// A member has two descriptions.
#include "dspy/signature/reflect.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
#if DSPY_REFLECTION && DSPY_MUST_FAIL
    [[ = dspy::desc("One word."), = dspy::desc("One sentence.") ]]
#endif
        std::string answer;
  };
#if DSPY_MUST_FAIL && !DSPY_REFLECTION
  static constexpr auto fields =
      dspy::describe(dspy::field<&Output::answer>(dspy::desc("One word."), dspy::desc("One sentence.")));
#endif
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
