#include "dspy/signature/prediction.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <format>

namespace dspy {

const Json& Prediction::at(std::string_view name) const {
  if (const auto* value = get(name)) return *value;
  std::vector<std::string> names;
  for (const auto& member : data) names.emplace_back(member.key());
  throw Error(Errc::bad_input,
              std::format("the prediction has no field `{}`; {}", name,
                          names.empty() ? "it is empty"
                                        : std::format("its fields are {}", text::enumerate(names, "`", "and"))));
}

const Json* Prediction::get(std::string_view name) const noexcept {
  return data.if_contains(name);
}

}  // namespace dspy
