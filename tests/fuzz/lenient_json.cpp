// Any text: no crash, an end inside the text, and for strict JSON the strict reader's value with no repairs.

#include "adapters/json/lenient_json.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

/// True if `text` may be nested deeper than the lenient reader goes.
bool may_be_deep(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; }) > 128;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = dspy::read_lenient_json(text);
  if (found ? found->end > size : found.error().position > size || found.error().message.empty()) std::abort();

  const auto strict = dspy::parse_json(text);
  if (!strict || may_be_deep(text)) return 0;
  // The strict reader overlooks a number beyond doubles where a repeated key replaces it.
  if (!found && text.substr(found.error().position).find_first_of("eE") != std::string_view::npos) return 0;
  if (!found || found->value != *strict) std::abort();
  // A repeated key is allowed by the strict reader, and worth a note from this one; so is a number that no 64 bits hold
  // where such a key replaces it.
  const bool repeats = found->repairs.has(dspy::JsonRepair::duplicate_key);
  bool other = false;
  found->repairs.for_each(
      [&](std::string_view name) { other |= name != "duplicate_key" && !(repeats && name == "long_number"); });
  if (other) std::abort();
  return 0;
}
