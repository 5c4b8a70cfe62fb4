#include "adapters/prelude.hpp"

#include <algorithm>

namespace dspy {

Prelude find_prelude(std::string_view text) noexcept {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  constexpr std::string_view opening = "<think>";
  constexpr std::string_view closing = "</think>";
  const std::size_t start = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  const auto first = std::min(text.find_first_not_of(" \t\r\n", start), text.size());
  const auto rest = text.substr(first);
  if (!rest.starts_with(opening))
    return {opening.starts_with(rest) ? Prelude::Kind::possible : Prelude::Kind::none, start};
  const auto end = rest.find(closing);
  if (end == std::string_view::npos) return {Prelude::Kind::open, text.size()};
  return {Prelude::Kind::thoughts, first + end + closing.size()};
}

}  // namespace dspy
