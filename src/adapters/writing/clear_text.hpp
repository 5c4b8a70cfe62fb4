#pragma once

#include "dspy/base/json.hpp"
#include "signature/fit/fit.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// The text to write for a value where a reader would take `plain` for another one, as it does the text `None` of an
/// optional: the value as JSON.  Nothing if `plain` is read back as the value, or the value has not the type.  Throws
/// `Error` (`bad_input`) that names `field` if JSON would be taken for another one too.  `scope`: the objects around,
/// for the references in the type.
std::optional<std::string> clear_text(std::string_view field, const Type& type, const Json& value,
                                      std::string_view plain, const Scope* scope = nullptr);

}  // namespace dspy
