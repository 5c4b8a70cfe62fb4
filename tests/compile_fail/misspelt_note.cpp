// expect-error: anwser
// A note names a member that does not exist.
#include "dspy/modules/predict.hpp"
#include "dspy/signature/notes.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
  };
#if DSPY_MUST_FAIL
  static constexpr auto fields = dspy::describe(dspy::field<&Output::anwser>(dspy::desc("One word.")));
#else
  static constexpr auto fields = dspy::describe(dspy::field<&Output::answer>(dspy::desc("One word.")));
#endif
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
