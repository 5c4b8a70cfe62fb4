#include "dspy/http/ndjson.hpp"

#include "dspy/base/text.hpp"

namespace dspy::http {

std::optional<std::string_view> Ndjson::next() {
  while (auto line = lines_.next()) {
    if (is_first_) line = text::without_byte_order_mark(*line);
    is_first_ = false;
    if (!text::trim(*line).empty()) return line;
  }
  return std::nullopt;
}

std::optional<std::string_view> Ndjson::finish() {
  auto line = lines_.rest();
  if (!line) return std::nullopt;
  if (is_first_) line = text::without_byte_order_mark(*line);
  is_first_ = false;
  if (text::trim(*line).empty()) return std::nullopt;
  return line;
}

}  // namespace dspy::http
