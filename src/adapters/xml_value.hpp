#pragma once

#include "adapters/coerce.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// True if values of the type are written as nested elements.
bool is_nested_xml(const Type& type) noexcept;

/// Appends a value of a field that has such a type: `<item>…</item>` for each item of a list, `<key>…</key>` for
/// each member of an object, or `<entry key="…">` where the key is no tag name.
void append_xml(std::string& out, const Field& field, const Json& value);

/// Reads such a value from what stands between the tags of its field: nested elements of any
/// name for items, or JSON.  Linear in the text.
Coerced read_xml(const Type& type, std::string_view text, Liberties& liberties);

/// Reads a list that is written as several elements of the same name: their contents are its items,
/// unless the first is a list itself, which then counts alone.
Coerced read_xml(const Type& type, const std::vector<std::string_view>& elements, Liberties& liberties);

}  // namespace dspy
