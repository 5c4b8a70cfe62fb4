#include "evaluate/cells.hpp"

#include "dspy/signature/type.hpp"

namespace dspy {

std::optional<Json> cell_value(const Field* field, const std::string& text) {
  if (field == nullptr) return text.empty() ? std::nullopt : std::optional<Json>(text);
  const auto kind = field->type.required().kind;
  if (kind == Type::Kind::string) {
    if (text.empty() && !field->is_required()) return std::nullopt;
    return Json(text);
  }
  if (text.empty()) return std::nullopt;
  if (auto json = parse_json(text)) {
    // A choice may be text that reads as JSON, such as `1` among '1' and '2'.
    if (kind != Type::Kind::literal || fit(field->type, *json)) return *json;
  }
  return Json(text);
}

}  // namespace dspy
