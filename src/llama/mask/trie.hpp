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
    Token token = -1;         ///< The token whose text ends here.
    std::uint16_t depth = 0;  ///< How many bytes stand before this node's.
    unsigned char byte = 0;
  };

  Trie() = default;
  /// `sorted` are tokens by their bytes in ascending order; of several with one text, the first is kept.
  Trie(std::span<const std::string> texts, std::span<const Token> sorted);

  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  /// The nodes of tokens that begin with `byte`, from `first` until `last`.
  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
  };
  Range starting_with(unsigned char byte) const noexcept { return {starts_[byte], starts_[byte + 1u]}; }
  /// The nodes of tokens that begin with `text` and are longer.
  Range longer_than(std::string_view text) const noexcept;

 private:
  std::vector<Node> nodes_;
  std::array<std::size_t, 257> starts_{};
};

}  // namespace dspy::llama::mask
