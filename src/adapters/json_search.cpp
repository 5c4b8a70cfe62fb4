#include "adapters/json_search.hpp"

#include "dspy/base/text.hpp"

#include <utility>

namespace dspy {
namespace {

/// The first object with a key that names an output, `value` itself or inside it.
JsonObject* find_inside(const Labels& labels, Json& value) {
  if (auto* const items = value.if_array()) {
    for (auto& item : *items) {
      if (auto* const found = find_inside(labels, item)) return found;
    }
  }
  if (auto* const members = value.if_object()) {
    const auto outputs = labels.signature().outputs.size();
    for (const auto& member : *members) {
      if (labels.find_output(member.key()) != outputs) return members;
    }
    for (auto& member : *members) {
      if (auto* const found = find_inside(labels, member.value())) return found;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<FoundObject> find_object(const Labels& labels, std::string_view text, std::size_t from,
                                       std::size_t until) {
  // What fails late may be tried again from every bracket inside it, so the sum is bounded.
  auto budget = 4 * text.size() + 1024;
  const auto starts = text.substr(0, until);
  for (auto at = starts.find('{', from); at < until; at = starts.find('{', at)) {
    auto read = read_lenient_json(text, at);
    const auto looked_at = (read ? read->end : read.error().position) - at + 1;
    if (looked_at > budget) return std::nullopt;
    budget -= looked_at;
    if (!read) {
      ++at;
      continue;
    }
    if (auto* const members = find_inside(labels, read->value)) {
      const bool nested = members != read->value.if_object();
      return FoundObject{.members = std::move(*members),
                         .begin = at,
                         .end = read->end,
                         .liberties = read->liberties,
                         .nested = nested};
    }
    at = read->end;
  }
  return std::nullopt;
}

std::optional<JsonProblem> problem_of_object(const Labels& labels, std::string_view text, std::size_t from) {
  constexpr std::size_t longest_key = 256;
  for (auto at = text.find('{', from); at < text.size(); at = text.find('{', at + 1)) {
    const auto start = text::trim(text.substr(at + 1, longest_key));
    const auto colon = start.find(':');
    if (colon == std::string_view::npos) continue;
    auto key = text::trim(start.substr(0, colon));
    const bool quoted = key.size() > 1 && (key[0] == '"' || key[0] == '\'') && key.back() == key[0];
    if (quoted) key = key.substr(1, key.size() - 2);
    if (labels.find_output(key) == labels.signature().outputs.size()) continue;
    auto read = read_lenient_json(text, at);
    return read ? JsonProblem{.message = "it stands within broken JSON", .position = at} : std::move(read.error());
  }
  return std::nullopt;
}

}  // namespace dspy
