#include "adapters/sections/sections.hpp"

#include "dspy/base/text.hpp"

namespace dspy {

std::string_view Sections::value(std::string_view text, std::size_t output, std::string& storage) const {
  const auto& section = sections_[output];
  auto raw = text::trim(text.substr(section.begin, section.end - section.begin));
  if (section.has_escapes) {
    const auto begin = static_cast<std::size_t>(raw.data() - text.data());
    storage.clear();
    storage.reserve(raw.size());
    append(storage, text, output, begin, begin + raw.size());
    raw = storage;
  }
  // `**Answer: Paris**`: what was opened before the mark closes after the value.
  if (section.emphasis != 0 && !raw.contains('\n') && raw.size() > section.emphasis) {
    const auto closing = raw.substr(raw.size() - section.emphasis);
    if (closing.find_first_not_of("*_`") == std::string_view::npos)
      raw = text::trim(raw.substr(0, raw.size() - section.emphasis));
  }
  return raw;
}

}  // namespace dspy
