#pragma once

#include "dspy/base/base64.hpp"
#include "dspy/base/json.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// The parts of a message that are copied to its HTTP header, for routing without parsing the body.

namespace dspy::rpc {

/// The value of `Mcp-Name`.
inline std::optional<std::string> routed_name(std::string_view method, const JsonObject& params) {
  const auto* const name = method == "tools/call" || method == "prompts/get" ? params.if_contains("name")
                           : method == "resources/read"                      ? params.if_contains("uri")
                                                                             : nullptr;
  if (name == nullptr || !name->is_string()) return std::nullopt;
  return std::string(view(name->get_string()));
}

/// As it can be sent: in base64 where a field's value would lose something.
inline std::string header_value(const std::string& text) {
  const bool is_plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
                        std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }) &&
                        !(text.starts_with("=?base64?") && text.ends_with("?="));
  return is_plain ? text : "=?base64?" + base64::encode(std::as_bytes(std::span(text))) + "?=";
}

/// What `header_value` was made from; nothing for what it would not write.
inline std::optional<std::string> read_header_value(std::string_view text) {
  if (!text.starts_with("=?base64?") || !text.ends_with("?=") || text.size() < 11) return std::string(text);
  const auto bytes = base64::decode(text.substr(9, text.size() - 11));
  if (!bytes) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());  // NOLINT: bytes are text
}

}  // namespace dspy::rpc
