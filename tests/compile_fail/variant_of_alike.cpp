// expect-error: two alternatives of a std::variant are structs with the same members
// JSON does not say which of two structs with the same members was meant.
#include "dspy/signature/reflect.hpp"

struct Cat {
  std::string name;
  int age = 0;
};

struct Dog {
  std::string name;
  int age = 0;
#if !DSPY_MUST_FAIL
  bool barks = true;
#endif
};

dspy::Type use() {
  return dspy::type_of<std::variant<Cat, Dog>>();
}
