#pragma once

#include "dspy/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>

// Places in a JSON text, as RFC 6901 writes them: `/properties/age`, `/items/0`.

namespace dspy {

/// `pointer` and one step more, with `~` and `/` in the step escaped.
std::string step_into(std::string_view pointer, std::string_view member);

/// The value at `pointer`, which begins with `/` unless it is empty; null if there is none.
const Json* find_at(const Json& root, std::string_view pointer);

/// The byte offset of the value at `pointer` in the JSON `text`; nothing if there is none.
std::optional<std::size_t> position_of(std::string_view text, std::string_view pointer);

}  // namespace dspy
