// expect-error: two structs of one name stand in each other
// A struct holds another of its name, which holds the first: a reference by name would mean the wrong one.
#include "dspy/signature/reflect.hpp"

struct Node;

namespace inner {

struct Node {
#if DSPY_MUST_FAIL
  std::vector<::Node> outer;
#else
  std::vector<Node> same;
#endif
};

}  // namespace inner

struct Node {
  std::vector<inner::Node> inner;
};

dspy::Type use() {
  return dspy::type_of<Node>();
}
