#include "dspy/bulk/shard.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <charconv>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy {
namespace {

constexpr std::size_t most_shards = 100'000;

std::optional<std::size_t> number(std::string_view text) {
  std::size_t out = 0;
  const auto* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && parsed == end ? std::optional(out) : std::nullopt;
}

}  // namespace

Shard Shard::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto index = number(text.substr(0, slash));
  const auto count = slash == std::string_view::npos ? std::nullopt : number(text.substr(slash + 1));
  if (!index || !count)
    throw Error(Errc::invalid_parameter, std::format("a shard is written INDEX/COUNT, such as 3/64, not `{}`", text));
  if (*count == 0 || *count > most_shards)
    throw Error(Errc::invalid_parameter,
                std::format("a run has 1 to {} shards, not {}; change the shard `{}`", most_shards, *count, text));
  if (*index >= *count)
    throw Error(Errc::invalid_parameter,
                std::format("there is no shard {} of {}: shards are counted from 0, so the last is {}/{}", *index,
                            *count, *count - 1, *count));
  return {.index = *index, .count = *count};
}

std::string to_string(const Shard& shard) {
  return std::format("{}/{}", shard.index, shard.count);
}

ShardRule ShardRule::parse(std::string_view text) {
  constexpr std::string_view hash = "hash:";
  if (text == "range") return {.by = By::range};
  if (text == "row") return {.by = By::row};
  if (text.starts_with(hash) && text.size() > hash.size())
    return {.by = By::field, .field = std::string(text.substr(hash.size()))};
  throw Error(Errc::invalid_parameter,
              std::format("rows are divided by `range`, `row` or `hash:FIELD`, not by `{}`", text));
}

ShardRule ShardRule::usual(std::string_view path) {
  const auto name = text::to_lower(path);
  return {.by = name.ends_with(".jsonl") || name.ends_with(".ndjson") ? By::range : By::row};
}

std::string to_string(const ShardRule& rule) {
  switch (rule.by) {
    case ShardRule::By::range: return "range";
    case ShardRule::By::row: return "row";
    case ShardRule::By::field: return "hash:" + rule.field;
  }
  return {};
}

}  // namespace dspy
