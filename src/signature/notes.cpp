#include "dspy/signature/notes.hpp"

#include "dspy/base/text.hpp"

namespace dspy::detail {

void rename(Field& field, std::string_view name) {
  field.name = name;
  field.label = text::to_words(name);
  if (field.label.empty()) field.label = field.name;
}

}  // namespace dspy::detail
