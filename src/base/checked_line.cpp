#include "base/checked_line.hpp"

#include "dspy/base/hash.hpp"

#include <cstddef>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr std::string_view mark = R"(,"sum":")";
constexpr std::size_t digits = 16;

std::string checksum(std::string_view body) {
  return std::format("{:016x}", hash_bytes(body));
}

}  // namespace

std::string checked_line(const JsonObject& record) {
  auto line = to_text(record);
  line.pop_back();
  const auto sum = checksum(line);
  line.append(mark).append(sum).append("\"}\n");
  return line;
}

std::optional<JsonObject> read_checked_line(std::string_view line) {
  constexpr auto tail = mark.size() + digits + 2;
  if (line.size() <= tail) return std::nullopt;
  const auto body = line.substr(0, line.size() - tail);
  const auto rest = line.substr(body.size());
  if (!rest.starts_with(mark) || rest.substr(mark.size(), digits) != checksum(body)) return std::nullopt;
  auto json = parse_json(line);
  if (!json || !json->is_object()) return std::nullopt;
  json->get_object().erase("sum");
  return std::move(json->get_object());
}

}  // namespace dspy
