#include "dspy/agents/callable.hpp"

#include <utility>

namespace dspy::detail {

Field argument_field(const Argument& argument, Type type) {
  auto field = make_field(argument.name, std::move(type), argument.description);
  field.default_value = argument.default_value;
  validate(field);
  return field;
}

}  // namespace dspy::detail
