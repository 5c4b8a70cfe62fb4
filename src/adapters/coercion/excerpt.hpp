#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy {

/// The start of `text` on one line, for a message: at most `longest` bytes, whole UTF-8
/// characters, with `…` where something was left out.
inline std::string excerpt(std::string_view text, std::size_t longest) {
  auto end = text.size();
  if (end > longest) {
    end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  std::string out;
  out.reserve(end + 3);
  for (const char c : text.substr(0, end)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (!control) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (end < text.size()) out += "…";
  return out;
}

}  // namespace dspy
