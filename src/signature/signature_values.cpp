// Values against a signature: its inputs before a call, its outputs after it.

#include "dspy/signature/signature.hpp"
#include "signature/fit/fit.hpp"
#include "signature/input_problems.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// Values that no output asked for.  What would be computed may be there, and is computed again.
void add_unknown_outputs(const Signature& signature, JsonObject& outputs, Violations& violations) {
  for (const auto& each : signature.computed) outputs.erase(each.field.name);
  for (const auto& [name, value] : outputs) {
    if (std::ranges::contains(signature.outputs, std::string_view(name), &Field::name)) continue;
    violations.push_back({.path = path_of(name), .rule = "unknown", .message = "is not an output of the signature"});
  }
}

}  // namespace

JsonObject checked_inputs(const Signature& signature, JsonObject inputs) {
  Violations violations;
  std::size_t known = 0;
  bool fine = true;
  for (const auto& field : signature.inputs) {
    if (auto* value = inputs.if_contains(field.name)) {
      fine = fit_in_place(field, *value, violations) && fine;
    } else if (field.default_value) {
      inputs.emplace(field.name, *field.default_value);
    } else if (field.type.is_optional()) {
      inputs.emplace(field.name, nullptr);
    } else {
      fine = false;
      break;
    }
    ++known;
  }
  if (fine && known == inputs.size()) return inputs;
  throw InputProblems(signature, inputs).error();
}

std::expected<JsonObject, Violations> fit(const Signature& signature, JsonObject outputs) {
  Violations violations;
  std::size_t known = 0;
  for (const auto& field : signature.outputs) {
    if (auto* value = outputs.if_contains(field.name)) {
      fit_in_place(field, *value, violations);
    } else if (!field.is_required()) {
      outputs.emplace(field.name, field.default_value.value_or(nullptr));
    } else {
      violations.push_back({.path = field.name, .rule = "missing", .message = "is missing"});
      continue;
    }
    ++known;
  }
  if (known != outputs.size()) add_unknown_outputs(signature, outputs, violations);
  if (!violations.empty()) return std::unexpected(std::move(violations));

  if (!signature.validators.empty()) {
    const Json whole(outputs);
    for (const auto& validator : signature.validators) {
      if (auto problem = validator.check(whole))
        violations.push_back({.rule = validator.name, .message = *std::move(problem)});
    }
    if (!violations.empty()) return std::unexpected(std::move(violations));
  }
  for (const auto& each : signature.computed) {
    auto value = each.compute(outputs);
    if (fit_in_place(each.field, value, violations)) outputs[each.field.name] = std::move(value);
  }
  if (!violations.empty()) return std::unexpected(std::move(violations));
  return outputs;
}

}  // namespace dspy
