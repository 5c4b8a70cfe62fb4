#pragma once

#include "dspy/retrieve/fusion.hpp"
#include "dspy/retrieve/store.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// Passages of each kind that are fused where a query has a vector and a text.
inline std::size_t fused_candidates(const StoreQuery& query) {
  return std::max<std::size_t>(4 * query.k, 50);
}

/// The answer to a query with a vector and a text, from those of its halves.
inline std::vector<Hit> fused(std::vector<Hit> by_vector, std::vector<Hit> by_text, std::size_t k) {
  std::vector<std::vector<Hit>> lists;
  lists.push_back(std::move(by_vector));
  lists.push_back(std::move(by_text));
  auto hits = fuse(std::move(lists));
  if (hits.size() > k) hits.resize(k);
  return hits;
}

/// Throws `Error` (`invalid_parameter`) where the filter asks for a field that no passage ever had: it would find
/// nothing, and a misspelt name looks like that.  `exists` may ask for any.
void check_fields(const Filter& filter, const std::set<std::string>& known);

}  // namespace dspy
