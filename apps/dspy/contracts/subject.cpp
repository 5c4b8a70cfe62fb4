#include "contracts/subject.hpp"

#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/flow/flow.hpp"

#include <algorithm>
#include <filesystem>

namespace dspy::app {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{256} << 20;

bool is_state(const Json& value) {
  const auto* object = value.if_object();
  return object != nullptr && object->contains("signature") && object->contains("demos");
}

/// True for the file of a program; any other JSON is taken for a schema.
bool is_program(const JsonObject& root) {
  if (root.contains("dspy_cpp") || is_state(root)) return true;
  return std::ranges::any_of(root, [](const auto& member) { return is_state(member.value()); });
}

Subject of_program(const std::string& path, ProgramFlags flags) {
  Subject out;
  flags.path = path;
  out.program = flags.load();
  if (flags.predictor.empty() && out.program->predictors.size() > 1) return out;
  const auto& saved = flags.choose(*out.program);
  if (saved.names_its_fields() || !flags.signature.empty()) out.signature = flags.make(saved, {}).signature();
  return out;
}

}  // namespace

Subject read_subject(const std::string& target, const ProgramFlags& flags) {
  Subject out;
  std::error_code code;
  if (!std::filesystem::exists(target, code) && target.contains("->")) {
    out.signature = Signature::parse(target);
    return out;
  }
  const auto text = read_text(target, longest);
  if (is_flow(text)) {
    out.signature = load_flow(target, {.accept_changed = flags.accept_changed}).flow.signature();
    return out;
  }
  if (!text::trim(text).starts_with('{')) {
    out.signature = Signature::parse(text::trim(text));
    return out;
  }
  const auto json = parse_json(text);
  if (json && is_program(json->get_object())) return of_program(target, flags);
  out.schema = parse_json_schema(text, {.name = std::filesystem::path(target).stem().string()});
  return out;
}

}  // namespace dspy::app
