#include "optimize/tuning/rag_grid.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace dspy {

RagGrid::RagGrid(const RagSpace& space) : space_(space) {
  for (const auto size : sizes())
    if (size == 0)
      throw Error(Errc::invalid_parameter, "a dimension of the space has no choice; give each one or more");
}

std::vector<std::size_t> RagGrid::sizes() const {
  return {space_.methods.size(), space_.tokens.size(),       space_.overlaps.size(), space_.ks.size(),
          space_.hybrids.size(), space_.word_weights.size(), space_.reranks.size(),  space_.prompts.size()};
}

std::vector<optimize::TpeSampler::Dimension> RagGrid::dimensions() const {
  constexpr std::string_view names[] = {"method", "tokens",      "overlap", "k",
                                        "hybrid", "word_weight", "rerank",  "prompt"};
  std::vector<optimize::TpeSampler::Dimension> out;
  for (std::size_t i = 0; i < std::size(names); ++i)
    out.push_back({.name = std::string(names[i]), .choices = sizes()[i]});
  return out;
}

RagSetting RagGrid::at(const std::vector<std::size_t>& point) const {
  RagSetting setting{.method = space_.methods[point[0]],
                     .tokens = space_.tokens[point[1]],
                     .overlap = space_.overlaps[point[2]],
                     .k = space_.ks[point[3]],
                     .hybrid = space_.hybrids[point[4]],
                     .word_weight = space_.word_weights[point[5]],
                     .rerank = space_.reranks[point[6]],
                     .prompt = space_.prompts[point[7]]};
  if (!setting.hybrid) setting.word_weight = space_.word_weights[0];  // it makes no difference
  return setting;
}

std::vector<std::vector<std::size_t>> RagGrid::grid() const {
  std::vector<std::vector<std::size_t>> out;
  std::vector<RagSetting> seen;
  std::vector<std::size_t> point(sizes().size());
  for (;;) {
    if (!std::ranges::contains(seen, at(point))) {
      seen.push_back(at(point));
      out.push_back(point);
    }
    std::size_t i = point.size();
    while (i > 0 && ++point[i - 1] == sizes()[i - 1]) point[--i] = 0;
    if (i == 0) return out;
  }
}

}  // namespace dspy
