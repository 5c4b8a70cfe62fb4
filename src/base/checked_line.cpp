#include "base/checked_line.hpp"

#include "dspy/base/hash.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace dspy {
namespace {

constexpr std::string_view mark = R"(,"sum":")";
constexpr std::size_t digits = 16;

std::array<char, digits> checksum(std::string_view body) noexcept {
  std::array<char, digits> out;
  auto hash = hash_bytes(body);
  for (auto i = digits; i-- > 0; hash >>= 4U) out[i] = "0123456789abcdef"[hash & 15U];
  return out;
}

}  // namespace

void close_checked_line(std::string& text, std::size_t begin) {
  const auto sum = checksum(std::string_view(text).substr(begin));
  text.append(mark).append(sum.data(), sum.size()).append("\"}\n");
}

std::string checked_line(const JsonObject& record) {
  auto line = to_text(record);
  line.pop_back();
  close_checked_line(line, 0);
  return line;
}

std::optional<JsonObject> read_checked_line(std::string_view line) {
  constexpr auto tail = mark.size() + digits + 2;
  if (line.size() <= tail) return std::nullopt;
  const auto body = line.substr(0, line.size() - tail);
  const auto rest = line.substr(body.size());
  if (!rest.starts_with(mark) || !std::ranges::equal(rest.substr(mark.size(), digits), checksum(body)))
    return std::nullopt;
  auto json = parse_json(line);
  if (!json || !json->is_object()) return std::nullopt;
  json->get_object().erase("sum");
  return std::move(json->get_object());
}

}  // namespace dspy
