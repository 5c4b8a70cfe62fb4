#include "signature/input_problems.hpp"

#include "dspy/base/text.hpp"
#include "signature/fit/fit.hpp"
#include "signature/notation/signature_notation.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {

InputProblems::InputProblems(const Signature& signature, JsonObject& inputs) : signature_(signature) {
  for (const auto& field : signature.inputs) check(field, inputs.if_contains(field.name));
  for (const auto& member : inputs) {
    if (std::ranges::find(signature.inputs, std::string_view(member.key()), &Field::name) == signature.inputs.end())
      add_unknown(member.key());
  }
}

Error InputProblems::error() && {
  std::vector<std::string> parts;
  if (!info_.missing.empty()) {
    parts.push_back(std::format("no value for the input{} {}", info_.missing.size() == 1 ? "" : "s",
                                text::enumerate(info_.missing, "`", "and")));
  }
  parts.insert(parts.end(), invalid_.begin(), invalid_.end());
  parts.insert(parts.end(), unknown_.begin(), unknown_.end());
  std::string message;
  for (const auto& part : parts) message.append(message.empty() ? "" : "; ").append(part);
  if (signature_.inputs.empty()) {
    message += "; the signature takes no inputs";
  } else if (!unknown_.empty() || !info_.missing.empty()) {
    message.append("; the inputs are `").append(inputs_notation()).append("`");
  }
  return {Errc::bad_input, message, std::move(info_)};
}

void InputProblems::check(const Field& field, Json* value) {
  if (!value) {
    if (!field.is_required()) return;
    info_.missing.push_back(field.name);
    info_.violations.push_back({.path = field.name, .rule = "missing", .value = nullptr, .message = "is missing"});
    return;
  }
  Violations violations;
  if (fit_in_place(field, *value, violations)) return;
  info_.invalid.push_back(field.name);
  info_.violations.insert(info_.violations.end(), violations.begin(), violations.end());
  invalid_.push_back("the input " + to_sentence(violations));
  if (value->is_string() && !info_.position) info_.position = text::invalid_utf8(view(value->get_string()));
}

void InputProblems::add_unknown(std::string_view key) {
  const auto name = shown(Json(key));
  if (signature_.find(key)) {
    unknown_.push_back(std::format("`{}` is an output, not an input", name));
    return;
  }
  std::vector<std::string> names;
  names.reserve(signature_.inputs.size());
  for (const auto& field : signature_.inputs) names.push_back(field.name);
  const auto meant = text::nearest(key, names);
  unknown_.push_back(meant ? std::format("there is no input `{}`, did you mean `{}`?", name, *meant)
                           : std::format("there is no input `{}`", name));
}

std::string InputProblems::inputs_notation() const {
  std::string out;
  append_fields(out, signature_.inputs, annotation_name);
  return out;
}

}  // namespace dspy
