#include "dspy/base/violation.hpp"

namespace dspy {

std::string to_sentence(const Violations& violations, std::string_view subject) {
  std::string out;
  for (const auto& violation : violations) {
    if (!out.empty()) out += "; ";
    if (violation.path.empty()) {
      out += subject;
    } else {
      out.append("`").append(violation.path).append("`");
    }
    out.append(" ").append(violation.message);
  }
  return out;
}

JsonArray to_json(const Violations& violations) {
  JsonArray array;
  for (const auto& [path, rule, value, message] : violations)
    array.push_back(JsonObject{{"path", path}, {"rule", rule}, {"value", value}, {"message", message}});
  return array;
}

}  // namespace dspy
