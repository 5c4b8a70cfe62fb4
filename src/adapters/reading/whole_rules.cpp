#include "adapters/reading/whole_rules.hpp"

#include "dspy/base/text.hpp"

#include <format>
#include <utility>

namespace dspy {

bool has_whole_rules(const Signature& signature) noexcept {
  return !signature.validators.empty() || !signature.computed.empty();
}

std::expected<Reading, Unreadable> hold_to_rules(const Signature& signature, Reading reading,
                                                 std::string_view completion) {
  auto outputs = fit(signature, reading.outputs);
  if (outputs) {
    reading.outputs = *std::move(outputs);
    return reading;
  }
  text::Utf8Buffer whole;
  auto raw = whole.push(completion);
  raw += whole.finish();
  Unreadable out{.partial = std::move(reading.outputs), .flags = std::move(reading.flags), .raw = std::move(raw)};
  for (auto& violation : outputs.error()) {
    auto& invalid = out.invalid.emplace_back();
    invalid.field = violation.path.empty() ? violation.rule : violation.path;
    invalid.reason = std::format("the output {}", violation.message);
    invalid.violations.push_back(std::move(violation));
  }
  return std::unexpected(std::move(out));
}

}  // namespace dspy
