#pragma once

#include "adapters/reading/prelude.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <string_view>

// Lines of a Markdown fence around what is read.

namespace dspy {

/// Removes a fence line from the end of the text before a value.
inline bool drop_last_fence(std::string_view& before) {
  before = text::trim(before);
  const auto line_end = before.rfind('\n');
  const auto start = line_end == std::string_view::npos ? 0 : line_end + 1;
  if (match_fence(before.substr(start)).kind != FenceLine::Kind::fence) return false;
  before = text::trim(before.substr(0, start));
  return true;
}

/// Takes a fence line off the start of what follows a value.
inline bool drop_first_fence(std::string_view& after) {
  after = text::trim(after);
  const auto line_end = std::min(after.find('\n'), after.size());
  if (match_fence(after.substr(0, line_end)).kind != FenceLine::Kind::fence) return false;
  after = text::trim(after.substr(line_end));
  return true;
}

}  // namespace dspy
