#include "fit_findings.hpp"

#include "fit.hpp"

#include <format>

namespace dspy {

bool Findings::broken(std::string_view rule, const Json& value, std::string message) {
  if (!want_more()) return false;
  std::string path;
  for (const auto& step : steps_) {
    if (const auto* const index = std::get_if<std::size_t>(&step)) {
      path += std::format("[{}]", *index);
      continue;
    }
    const auto member = path_of(std::get<std::string_view>(step));
    if (!path.empty() && member[0] != '[') path += '.';
    path += member;
  }
  list_->push_back({std::move(path), std::string(rule), value_at_fault(value), std::move(message)});
  return false;
}

bool Findings::is_not(const Json& value, std::string_view wanted) {
  if (!are_noted()) return false;
  return broken("type", value, std::format("is {}, not {}", kind_of(value), wanted));
}

}  // namespace dspy
