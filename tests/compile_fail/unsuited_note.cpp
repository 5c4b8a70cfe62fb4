// expect-error: a note does not suit the type of its member
// A range stands on a text.
#include "dspy/signature/reflect.hpp"

#if DSPY_MUST_FAIL
using Confidence = std::optional<std::string>;
#else
using Confidence = std::optional<double>;
#endif

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    Confidence confidence;
  };
  static constexpr auto fields = dspy::describe(dspy::field<&Output::confidence>(dspy::between(0, 1)));
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
