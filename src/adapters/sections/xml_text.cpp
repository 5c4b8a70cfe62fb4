#include "adapters/sections/xml_text.hpp"

#include "base/unicode/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace dspy {
namespace {

struct Entity {
  std::string_view written;
  std::string_view meant;
};

constexpr std::array entities = {Entity{"&lt;", "<"}, Entity{"&gt;", ">"}, Entity{"&amp;", "&"}, Entity{"&quot;", "\""},
                                 Entity{"&apos;", "'"}};

struct Decoded {
  std::string text = {};
  std::size_t size = 0;
};

/// The character of `&#60;` or `&#x3c;`.
std::optional<Decoded> numeric_entity(std::string_view text) {
  constexpr std::size_t longest = 10;
  if (!text.starts_with("&#")) return std::nullopt;
  const auto end = text.substr(0, longest).find(';');
  if (end == std::string_view::npos) return std::nullopt;
  auto digits = text.substr(2, end - 2);
  const bool hex = digits.starts_with('x') || digits.starts_with('X');
  if (hex) digits.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
  const bool whole = error == std::errc() && last == digits.data() + digits.size() && !digits.empty();
  if (!whole || code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  Decoded decoded{.size = end + 1};
  append_utf8(decoded.text, code);
  return decoded;
}

std::optional<Decoded> entity_at(std::string_view text) {
  for (const auto& [written, meant] : entities) {
    if (text.starts_with(written)) return Decoded{std::string(meant), written.size()};
  }
  return numeric_entity(text);
}

}  // namespace

void append_escaped_xml(std::string& out, std::string_view text) {
  std::size_t written = 0;
  auto ampersand = text.find('&');
  auto bracket = text.find('<');
  for (auto at = std::min(ampersand, bracket); at != std::string_view::npos; at = std::min(ampersand, bracket)) {
    const bool is_bracket = at == bracket;
    out.append(text.substr(written, at - written)).append(is_bracket ? "&lt;" : "&amp;");
    written = at + 1;
    (is_bracket ? bracket : ampersand) = text.find(text[at], written);
  }
  out.append(text.substr(written));
}

void append_unescaped_xml(std::string& out, std::string_view text) {
  std::size_t written = 0;
  for (auto at = text.find('&'); at != std::string_view::npos;) {
    const auto found = entity_at(text.substr(at));
    if (!found) {
      at = text.find('&', at + 1);
      continue;
    }
    out.append(text.substr(written, at - written)).append(found->text);
    written = at + found->size;
    at = text.find('&', written);
  }
  out.append(text.substr(written));
}

void append_xml_text(std::string& out, std::string_view text) {
  for (auto at = text.find(cdata_begin); at != std::string_view::npos; at = text.find(cdata_begin)) {
    const auto size = cdata_size(text, at);
    if (size == 0) break;
    append_unescaped_xml(out, text.substr(0, at));
    append_cdata_content(out, text.substr(at, size));
    text.remove_prefix(at + size);
  }
  append_unescaped_xml(out, text);
}

std::size_t entity_size(std::string_view text) {
  const auto found = entity_at(text);
  return found ? found->size : 0;
}

void append_numeric_entity(std::string& out, char c) {
  out.append("&#").append(std::to_string(static_cast<unsigned char>(c))).append(";");
}

std::size_t cdata_size(std::string_view text, std::size_t at) noexcept {
  if (!text.substr(at).starts_with(cdata_begin)) return 0;
  const auto end = text.find(cdata_end, at + cdata_begin.size());
  return end == std::string_view::npos ? 0 : end + cdata_end.size() - at;
}

std::size_t cdata_run_size(std::string_view text, std::size_t at) noexcept {
  auto end = at;
  for (auto size = cdata_size(text, end); size != 0; size = cdata_size(text, end)) end += size;
  return end - at;
}

void append_cdata(std::string& out, std::string_view text) {
  out += cdata_begin;
  for (auto at = text.find(cdata_end); at != std::string_view::npos; at = text.find(cdata_end)) {
    out.append(text.substr(0, at + 2)).append(cdata_end).append(cdata_begin);
    text.remove_prefix(at + 2);
  }
  out.append(text).append(cdata_end);
}

void append_cdata_content(std::string& out, std::string_view sections) {
  while (!sections.empty()) {
    const auto size = cdata_size(sections, 0);
    out += sections.substr(cdata_begin.size(), size - cdata_begin.size() - cdata_end.size());
    sections.remove_prefix(size);
  }
}

}  // namespace dspy
