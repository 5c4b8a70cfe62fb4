#pragma once

#include <string>
#include <string_view>

namespace dspy::server {

/// What a person typed, as a full-text query of SQLite: all words must be there; `"a phrase"` stays together, `begin*`
/// is a prefix.  Whatever else is typed is text, never syntax.  Empty if nothing in it is a word.
std::string full_text_query(std::string_view typed);

}  // namespace dspy::server
