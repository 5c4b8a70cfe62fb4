#include "modules/answer_spellings.hpp"

#include "dspy/base/json.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace dspy {

std::vector<std::string> spellings_of(const Field& field, const Json& value, std::size_t index) {
  std::vector<std::string> out = {to_text(value)};
  if (value.is_string()) out.emplace_back(view(value.get_string()));
  const auto& labels = field.type.required().labels;
  if (index < labels.size()) out.push_back(labels[index]);
  if (value.is_bool()) {
    const std::array<std::string, 4> yes = {"True", "yes", "Yes", "1"}, no = {"False", "no", "No", "0"};
    const auto& words = value.get_bool() ? yes : no;
    out.insert(out.end(), words.begin(), words.end());
  }
  return out;
}

}  // namespace dspy
