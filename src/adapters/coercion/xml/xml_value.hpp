#pragma once

#include "adapters/coercion/coerce.hpp"
#include "adapters/sections/xml_text.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/field.hpp"

#include <string_view>
#include <vector>

namespace dspy {

/// True if values of the type are written as nested elements.
bool is_nested_xml(const Type& type) noexcept;

/// True if the elements that a text begins with are a list or an object that the union has, by their names.
bool begins_alternative(const Type& type, std::string_view text);

/// Reads such a value from what stands between the tags of its field: nested elements of any
/// name for items, or JSON.  Linear in the text.
Coerced read_xml(const Type& type, std::string_view text, XmlText style, Repairs& repairs);

/// Reads a list that is written as several elements of the same name: their contents are its items,
/// unless the first is a list itself, which then counts alone.
Coerced read_xml(const Type& type, const std::vector<std::string_view>& elements, XmlText style, Repairs& repairs);

}  // namespace dspy
