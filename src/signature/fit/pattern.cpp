#include "dspy/signature/pattern.hpp"

#include "dspy/base/error.hpp"
#include "pattern_fault.hpp"
#include "pattern_program.hpp"

#include <format>
#include <utility>

namespace dspy {

struct Pattern::Program {
  std::string text = {};
  patterns::Program machine = {};
};

Pattern::Pattern(std::string expression) {
  if (expression.empty()) return;
  Program program{.text = std::move(expression)};
  try {
    program.machine = patterns::compile(program.text);
  } catch (const PatternFault& fault) {
    throw Error(Errc::signature_error,
                std::format("the pattern {} at byte {} of it; {}", fault.what, fault.position, fault.remedy),
                {.position = fault.position, .raw = std::move(program.text)});
  }
  program_ = std::make_shared<const Program>(std::move(program));
}

std::optional<PatternFault> fault_of_pattern(std::string_view expression) {
  try {
    if (!expression.empty()) patterns::compile(expression);
  } catch (PatternFault& fault) {
    return std::move(fault);
  }
  return std::nullopt;
}

const std::string& Pattern::text() const noexcept {
  static const std::string none;
  return program_ ? program_->text : none;
}

bool Pattern::is_found_in(std::string_view text) const {
  return !program_ || patterns::is_found(program_->machine, text);
}

}  // namespace dspy
