#include "optimize/proposing/proposing.hpp"

#include "dspy/base/text.hpp"
#include "dspy/signature/signature.hpp"

#include <format>

namespace dspy::optimize {

Predictor writer(std::string_view notation, std::string_view instructions, const std::shared_ptr<LM>& lm,
                 const Program& student) {
  auto model = lm;
  student.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    if (!model) model = predictor.lm();
  });
  return Predictor(Signature::parse(notation, std::string(instructions)), {.lm = std::move(model)});
}

std::string clean_instruction(std::string_view written) {
  auto text = text::trim(written);
  for (const std::string_view label : {"Proposed instruction:", "New instruction:", "Instruction:", "Instructions:"}) {
    if (text.starts_with(label)) text = text::trim(text.substr(label.size()));
  }
  while (text.size() > 1 && text.front() == '"' && text.back() == '"')
    text = text::trim(text.substr(1, text.size() - 2));
  return std::string(text);
}

const Predictor& predictor_at(const Program& program, std::string_view path) {
  const Predictor* found = nullptr;
  program.for_each_predictor([&](const std::string& name, const Predictor& predictor) {
    if (name == path) found = &predictor;
  });
  if (found == nullptr) throw Error(Errc::config_error, std::format("the program has no predictor `{}`", path));
  return *found;
}

Program with_instructions(Program program, std::string_view path, const std::string& instructions) {
  program.for_each_predictor([&](const std::string& name, Predictor& predictor) {
    if (name == path) predictor.set_signature(predictor.signature().with_instructions(instructions));
  });
  return program;
}

std::string text_of(const Prediction& prediction, std::string_view output) {
  const auto* const value = prediction.get(output);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(view(value->get_string())) : to_text(*value);
}

std::string listed(const JsonObject& values) {
  std::string out;
  for (const auto& each : values) {
    out += std::format("{}: {}\n", std::string_view(each.key()),
                       each.value().is_string() ? std::string(view(each.value().get_string())) : to_text(each.value()));
  }
  return out;
}

}  // namespace dspy::optimize
