#include "dspy/retrieve/store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace dspy {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Errc::invalid_parameter, what);
}

void check_vector(const std::vector<float>& vector, std::size_t dimensions, Similarity similarity,
                  const std::string& whose) {
  if (dimensions != 0 && vector.size() != dimensions)
    refuse(
        std::format("the vector of {} has {} numbers where the store has {}; use the embedder that the store was "
                    "made with",
                    whose, vector.size(), dimensions));
  double length = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i]))
      refuse(std::format("the vector of {} has `{}` at place {}; only numbers can be kept", whose, vector[i], i));
    length += double{vector[i]} * double{vector[i]};
  }
  if (length == 0 && similarity == Similarity::cosine)
    refuse(
        std::format("the vector of {} has length zero, so its angle to others is undefined; omit it, or use a "
                    "similarity other than cosine",
                    whose));
  if (!(length < 1e30)) refuse(std::format("the vector of {} is too long to be compared; scale it down", whose));
}

void check_text(std::string_view text, std::string_view what, const std::string& whose) {
  if (const auto at = text::invalid_utf8(text))
    refuse(std::format("the {} of {} is not UTF-8 at byte {}; convert it first", what, whose, *at));
}

/// JSON has neither infinity nor what is not a number.
bool has_odd_number(const Json& value) {
  if (const auto* const real = value.if_double()) return !std::isfinite(*real);
  if (const auto* const list = value.if_array()) return std::ranges::any_of(*list, has_odd_number);
  const auto* const object = value.if_object();
  return object != nullptr &&
         std::ranges::any_of(*object, [](const auto& member) { return has_odd_number(member.value()); });
}

void check_metadata(const JsonObject& metadata, const std::string& whose) {
  static constexpr std::array<std::string_view, 6> taken = {"id", "text", "vector", "source", "begin", "end"};
  for (const auto& member : metadata) {
    const std::string_view name = member.key();
    if (std::ranges::contains(taken, name))
      refuse(std::format("the metadata of {} has the name `{}`, which is the passage's own; set that, or rename it",
                         whose, name));
    if (has_odd_number(member.value()))
      refuse(std::format("the metadata of {} has a number under `{}` that is infinite or NaN; remove it", whose, name));
    if (name.empty() || name.starts_with('$'))
      refuse(std::format("the metadata of {} has the name `{}`, which filters cannot use; rename it", whose, name));
  }
  check_text(to_text(Json(metadata)), "metadata", whose);
}

void check_passage(const Passage& passage) {
  if (text::trim(passage.id).empty())
    refuse("a passage has a blank id; give each its own, such as its source and place");
  check_text(passage.id, "id", "a passage");
  const auto whose = std::format("the passage `{}`", passage.id);
  check_text(passage.text, "text", whose);
  check_text(passage.source, "source", whose);
  check_metadata(passage.metadata, whose);
  if (passage.end < passage.begin)
    refuse(std::format("{} ends at byte {}, before it begins at {}", whose, passage.end, passage.begin));
}

}  // namespace

std::string_view to_string(Similarity similarity) noexcept {
  switch (similarity) {
    case Similarity::cosine: return "cosine";
    case Similarity::dot: return "dot";
    case Similarity::euclidean: return "euclidean";
  }
  return "?";
}

std::optional<Similarity> similarity(std::string_view name) noexcept {
  for (const auto one : {Similarity::cosine, Similarity::dot, Similarity::euclidean})
    if (to_string(one) == name) return one;
  return {};
}

void check_passages(const std::vector<Passage>& passages, std::size_t dimensions, Similarity similarity) {
  std::unordered_set<std::string_view> ids;
  for (const auto& passage : passages) {
    check_passage(passage);
    if (!ids.insert(passage.id).second)
      refuse(std::format("the id `{}` occurs twice in one call; make ids unique", passage.id));
    if (passage.vector.empty()) continue;
    check_vector(passage.vector, dimensions, similarity, std::format("the passage `{}`", passage.id));
    dimensions = passage.vector.size();
  }
}

void check_query(const StoreQuery& query, std::size_t dimensions, Similarity similarity) {
  if (query.k == 0) refuse("a search for 0 passages; `k` must be 1 or more");
  if (query.vector.empty() && query.text.empty()) refuse("a search needs a vector, a text or both");
  check_text(query.text, "text", "the query");
  if (!query.vector.empty()) check_vector(query.vector, dimensions, similarity, "the query");
}

}  // namespace dspy
