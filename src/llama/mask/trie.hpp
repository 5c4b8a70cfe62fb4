#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::mask {

using Token = std::int32_t;

/// Texts of tokens that share their beginnings, laid out in the order of a walk: what follows a node is its first
/// child, and what cannot match is skipped by one jump.
class Trie {
 public:
  struct Node {
    std::uint32_t end = 0;    ///< The node after all that begin with this one.
    std::uint32_t rank = 0;   ///< How many tokens come before those that begin with this one.
    std::uint16_t depth = 0;  ///< How many bytes stand before this node's.
    unsigned char byte = 0;
    std::uint8_t height = 0;  ///< The most bytes that tokens have behind this one; 255 for more, too.
  };

  Trie() = default;
  /// `sorted` are tokens by their bytes in ascending order.
  Trie(std::span<const std::string> texts, std::vector<Token> sorted);

  /// One more than there are; the last is none.
  const std::vector<Node>& nodes() const noexcept { return nodes_; }

  /// A run of nodes that are no one's children but each other's.
  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;

    bool empty() const noexcept { return first == last; }
  };
  Range all() const noexcept { return {0, starts_[256]}; }
  /// The nodes of tokens that begin with `byte`.
  Range starting_with(unsigned char byte) const noexcept { return {starts_[byte], starts_[byte + 1u]}; }
  /// The nodes of what may follow a node.
  Range below(std::size_t node) const noexcept { return {node + 1, nodes_[node].end}; }
  /// The node among `range` with this byte, or the end of the range.
  std::size_t find(Range range, unsigned char byte) const noexcept;
  /// The nodes of tokens that begin with `text` and are longer.
  Range longer_than(std::string_view text) const noexcept;

  /// The tokens whose text ends at a node: mostly one, if any.
  std::span<const Token> tokens_at(std::size_t node) const noexcept {
    return std::span(tokens_).subspan(nodes_[node].rank, nodes_[node + 1].rank - nodes_[node].rank);
  }
  /// Those and all that are longer.
  std::span<const Token> tokens_from(std::size_t node) const noexcept {
    return std::span(tokens_).subspan(nodes_[node].rank, nodes_[nodes_[node].end].rank - nodes_[node].rank);
  }

 private:
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<Token> tokens_;
  std::array<std::size_t, 257> starts_{};
};

}  // namespace dspy::llama::mask
