#pragma once

#include "adapters/flags.hpp"

#include "dspy/base/json.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace dspy {

/// Nesting beyond this is not read: no signature needs it, and a reply may be hostile.
constexpr int max_json_depth = 128;

struct LenientValue {
  Json value;
  std::size_t end = 0;  ///< The byte after the value.
};

/// Reads the JSON value that begins at `begin`, as models write them: trailing commas, single
/// quotes, bare keys, Python's `True`, `False` and `None`, comments, raw line ends in strings,
/// and closers missing at the end of the text.  Each is flagged; nothing else is guessed.
/// Linear in the text.  Nothing if it is not JSON even so.
std::optional<LenientValue> read_lenient_json(std::string_view text, std::size_t begin, FlagList& flags);

}  // namespace dspy
