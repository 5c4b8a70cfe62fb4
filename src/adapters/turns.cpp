#include "adapters/turns.hpp"

#include "dspy/base/log.hpp"

#include <algorithm>
#include <format>

namespace dspy {
namespace {

bool has_any(const JsonObject& data, const std::vector<Field>& fields) {
  return std::ranges::any_of(fields, [&](const Field& field) { return value_of(data, field) != nullptr; });
}

bool has_required(const JsonObject& data, const std::vector<Field>& fields) {
  return std::ranges::all_of(
      fields, [&](const Field& field) { return !field.is_required() || value_of(data, field) != nullptr; });
}

}  // namespace

const Json* value_of(const JsonObject& data, const Field& field) {
  const auto* const value = data.if_contains(field.name);
  if (value == nullptr || (value->is_null() && !field.type.is_optional())) return nullptr;
  return value;
}

Coverage coverage_of(const JsonObject& data, const Signature& signature) {
  const bool asks = signature.inputs.empty() || has_any(data, signature.inputs);
  if (!asks || !has_any(data, signature.outputs)) return Coverage::nothing;
  const bool whole = has_required(data, signature.inputs) && has_required(data, signature.outputs);
  return whole ? Coverage::whole : Coverage::partial;
}

std::vector<Demo> arrange_demos(std::span<const Example> demos, const Signature& signature) {
  std::vector<Demo> shown;
  shown.reserve(demos.size());
  for (std::size_t i = 0; i < demos.size(); ++i) {
    const auto coverage = coverage_of(demos[i].data, signature);
    if (coverage != Coverage::nothing) {
      shown.push_back({&demos[i].data, coverage});
    } else if (log_enabled(LogLevel::warning)) {
      log(LogLevel::warning, "adapters",
          std::format("demonstration {} is left out: it shows no {} of `{}`", i + 1,
                      has_any(demos[i].data, signature.outputs) ? "input" : "output", to_notation(signature)));
    }
  }
  std::ranges::stable_partition(shown, [](const Demo& demo) { return demo.coverage == Coverage::partial; });
  return shown;
}

std::size_t likely_size(const JsonObject& data, const std::vector<Field>& fields) {
  std::size_t size = 0;
  for (const auto& field : fields) {
    const auto* const value = data.if_contains(field.name);
    const auto* const text = value != nullptr ? value->if_string() : nullptr;
    size += field.label.size() + (text != nullptr ? text->size() : 64) + 16;
  }
  return size;
}

}  // namespace dspy
