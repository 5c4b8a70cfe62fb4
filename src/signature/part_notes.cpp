#include "dspy/signature/part_notes.hpp"

#include "dspy/base/error.hpp"

#include <format>

namespace dspy::detail {

Type& part_of(Type& type, std::size_t index) {
  auto& whole = type.is_optional() ? type.arguments[0] : type;
  if (index < whole.arguments.size()) return whole.arguments[index];
  throw Error(
      Errc::signature_error,
      std::format("a note is about part {} of `{}`, which has {}; take it out, or put it in front of dspy::one_of",
                  index, annotation_name(whole), whole.arguments.size()));
}

}  // namespace dspy::detail
