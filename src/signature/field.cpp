#include "dspy/signature/field.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"
#include "signature/notation/notation.hpp"
#include "signature/types/type_rules.hpp"

#include <format>
#include <utility>

namespace dspy {
namespace {

void require_identifier(const std::string& name) {
  if (is_identifier(name)) return;
  throw Error(Errc::signature_error,
              std::format("`{}` is not a field name; {}", shown(Json(name)), rule_for_names(name)));
}

}  // namespace

Field make_field(std::string name, Type type, std::string description) {
  require_identifier(name);
  auto label = text::to_words(name);
  return {.name = std::move(name),
          .type = std::move(type),
          .description = std::move(description),
          .label = std::move(label)};
}

void validate(const Field& field) {
  require_identifier(field.name);
  if (const auto problem = problem_of(field))
    throw Error(Errc::signature_error, std::format("the field `{}` {}", field.name, *problem));
}

}  // namespace dspy
