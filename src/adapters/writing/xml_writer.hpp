#pragma once

#include "adapters/coercion/coerce.hpp"
#include "adapters/sections/tags.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>

namespace dspy {

/// Appends an output as an element that reads back as the value: lists and objects as `<item>…</item>` for each item,
/// `<key>…</key>` for each member, or `<entry key="…">` where the key is not a tag name.
void append_xml(std::string& out, const Tags& tags, const Field& field, const Json& value);

}  // namespace dspy
