#include "llama/mask/trie.hpp"

#include <algorithm>

namespace dspy::llama::mask {

Trie::Trie(std::span<const std::string> texts, std::span<const Token> sorted) {
  std::vector<std::uint32_t> path;  // the nodes from the root to the last one
  std::string_view last;
  nodes_.reserve(sorted.size() * 5 / 2);
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) nodes_[path.back()].end = static_cast<std::uint32_t>(nodes_.size());
  };
  for (const auto token : sorted) {
    const std::string_view text = texts[static_cast<std::size_t>(token)];
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(text, last).in1 - text.begin());
    if (common == text.size()) continue;
    close(common);
    for (auto depth = common; depth < text.size(); ++depth) {
      const auto byte = static_cast<unsigned char>(text[depth]);
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      nodes_.push_back({.depth = static_cast<std::uint16_t>(depth), .byte = byte});
    }
    nodes_.back().token = token;
    last = text;
  }
  close(0);

  std::size_t at = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    starts_[byte] = at;
    if (at < nodes_.size() && nodes_[at].byte == byte) at = nodes_[at].end;
  }
  starts_[256] = at;
}

Trie::Range Trie::longer_than(std::string_view text) const noexcept {
  if (text.empty()) return {0, nodes_.size()};
  auto [first, last] = starting_with(static_cast<unsigned char>(text[0]));
  if (first == last) return {};
  for (const char c : text.substr(1)) {
    const auto byte = static_cast<unsigned char>(c);
    auto child = first + 1;
    while (child < last && nodes_[child].byte != byte) child = nodes_[child].end;
    if (child >= last) return {};
    first = child;
    last = nodes_[child].end;
  }
  return {first + 1, last};
}

}  // namespace dspy::llama::mask
