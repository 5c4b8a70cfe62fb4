#include "llama/mask/trie.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {

Trie::Trie(std::span<const std::string> texts, std::vector<Token> sorted) : tokens_(std::move(sorted)) {
  std::vector<std::uint32_t> path;  // the nodes from the root to the last one
  std::string_view last;
  nodes_.clear();
  nodes_.reserve(tokens_.size() * 5 / 2 + 1);
  const auto close = [&](std::size_t depth) {
    while (path.size() > depth) {
      auto& node = nodes_[path.back()];
      path.pop_back();
      node.end = static_cast<std::uint32_t>(nodes_.size());
      if (path.empty()) continue;
      auto& parent = nodes_[path.back()];
      parent.height = std::max(parent.height, static_cast<std::uint8_t>(std::min(node.height + 1, UINT8_MAX)));
    }
  };
  for (std::uint32_t rank = 0; rank < tokens_.size(); ++rank) {
    const std::string_view text = texts[static_cast<std::size_t>(tokens_[rank])];
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(text, last).in1 - text.begin());
    if (common == text.size()) continue;  // the same text again
    close(common);
    for (auto depth = common; depth < text.size(); ++depth) {
      const auto byte = static_cast<unsigned char>(text[depth]);
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.rank = rank, .depth = static_cast<std::uint16_t>(depth), .byte = byte});
    }
    last = text;
  }
  close(0);
  const auto size = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({.end = size, .rank = static_cast<std::uint32_t>(tokens_.size())});

  std::size_t at = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    starts_[byte] = at;
    if (at < size && nodes_[at].byte == byte) at = nodes_[at].end;
  }
  starts_[256] = at;
}

std::size_t Trie::find(Range range, unsigned char byte) const noexcept {
  auto at = range.first;
  while (at < range.last && nodes_[at].byte != byte) at = nodes_[at].end;
  return std::min(at, range.last);
}

Trie::Range Trie::longer_than(std::string_view text) const noexcept {
  if (text.empty()) return all();
  auto range = starting_with(static_cast<unsigned char>(text[0]));
  if (range.empty()) return {};
  range = below(range.first);
  for (const char c : text.substr(1)) {
    const auto at = find(range, static_cast<unsigned char>(c));
    if (at == range.last) return {};
    range = below(at);
  }
  return range;
}

}  // namespace dspy::llama::mask
