// expect-error: dspy::named stands in a signature's table
#include "dspy/signature/reflect.hpp"

struct Order {
  struct Input {
    std::string class_;
#if !DSPY_MUST_FAIL
    static constexpr auto fields = dspy::describe(dspy::field<&Input::class_>(dspy::named("class")));
#endif
  };
  struct Output {
    std::string answer;
  };
#if DSPY_MUST_FAIL
  static constexpr auto fields = dspy::describe(dspy::field<&Input::class_>(dspy::named("class")));
#endif
};

int main() {
  return dspy::signature_of<Order>().inputs[0].name == "class" ? 0 : 1;
}
