#include "dspy/modules/chain_of_thought.hpp"

namespace dspy {

Signature with_reasoning(const Signature& signature) {
  return signature.prepend(Direction::output, make_field("reasoning"));
}

}  // namespace dspy
