#pragma once

#include "dspy/signature/type.hpp"

#include <string_view>

// Python DSPy saves a medium in a demonstration as what a provider is sent, between two marks.

namespace dspy {

inline constexpr std::string_view media_mark_begin = "<<CUSTOM-TYPE-START-IDENTIFIER>>";
inline constexpr std::string_view media_mark_end = "<<CUSTOM-TYPE-END-IDENTIFIER>>";

/// Converts such a text to the value of that kind; false if it is not one.
bool read_media_mark(Type::Kind kind, Json& value);

/// The same for every part of a value that may be a medium by its type.
void restore_media(const Type& type, Json& value);

/// The reverse, for media whose content Python can hold: not a path, nor bytes of an unknown kind.
void mark_media(const Type& type, Json& value);

}  // namespace dspy
