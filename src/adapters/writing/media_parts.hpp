#pragma once

#include "dspy/lm/message.hpp"
#include "dspy/signature/signature.hpp"

#include <functional>
#include <string>
#include <vector>

namespace dspy {

/// True if a value of the type is, or may hold, a picture, a recording or a file.
bool holds_media(const Type& type);

/// The parts of a text that `write` makes from `data`: the media in `data` are separate parts, at the place where
/// `write` put the value.  `fields` are those of `data`; a medium that is incomplete stays text.
std::vector<Part> parts_with_media(const JsonObject& data, const std::vector<Field>& fields,
                                   const std::function<std::string(const JsonObject& data)>& write);

}  // namespace dspy
