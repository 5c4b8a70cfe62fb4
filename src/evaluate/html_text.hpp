#pragma once

#include <string>
#include <string_view>

namespace dspy {

/// A text as HTML shows it, also in an attribute in double quotes.
std::string html_text(std::string_view text);

}  // namespace dspy
