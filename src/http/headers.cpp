#include "dspy/http/headers.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <string>

namespace dspy::http {
namespace {

bool is_token(std::string_view text) noexcept {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.contains(c);
  });
}

bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

std::optional<std::string_view> Headers::find(std::string_view name) const noexcept {
  for (const auto& header : headers_) {
    if (text::equals_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  add(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(headers_, [&](const Header& header) { return text::equals_ignoring_case(header.name, name); });
}

void require_sendable(std::string_view name, std::string_view value) {
  if (!is_token(name)) {
    throw Error(Errc::invalid_parameter,
                std::format("{} is not the name of a header field; use letters, digits and '-' only",
                            name.empty() ? "an empty text" : "a text with a blank, colon or control byte"));
  }
  if (std::ranges::any_of(value, is_control)) {
    throw Error(Errc::invalid_parameter,
                std::format("the value of the header field '{}' has a control byte, such as a line end; trim it "
                            "(a key read from a file often ends with one)",
                            name));
  }
}

}  // namespace dspy::http
