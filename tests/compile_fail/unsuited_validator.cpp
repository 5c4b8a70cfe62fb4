// expect-error: a note does not suit the type of its member
// A validator takes another type than its member has.
#include "dspy/signature/reflect.hpp"

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
  };
#if DSPY_MUST_FAIL
  static constexpr bool is_short(const std::vector<int>& items) { return items.size() < 10; }
#else
  static constexpr bool is_short(const std::string& text) { return text.size() < 10; }
#endif
  static constexpr auto fields = dspy::describe(dspy::field<&Output::answer>(dspy::validator("is_short", is_short)));
};

const dspy::Signature& use() {
  return dspy::signature_of<Ask>();
}
