#pragma once

#include "llama/prefixes/prompt_tree.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

// A node of the prompt tree.  Private to prompt_tree*.cpp.

namespace dspy::llama {

struct PromptTree::Node {
  Node* parent = nullptr;
  std::size_t begin = 0;  ///< The position of its first token.
  std::vector<Token> tokens{};
  std::map<Token, std::unique_ptr<Node>> children{};
  int sequence = -1;              ///< That holds its tokens in the cells.
  std::vector<std::byte> blob{};  ///< Its tokens in host memory.
  std::size_t surplus = 0;        ///< Tokens before its own that the blob begins with, since it was cut there.
  std::uint64_t file_bytes = 0;   ///< A file holds its tokens too; kept while they are elsewhere.
  std::uint64_t last_use = 0;

  bool in_cells() const { return sequence >= 0; }
  std::size_t end() const { return begin + tokens.size(); }
  /// Cells that it takes to bring it back.
  std::size_t to_restore() const { return in_cells() ? 0 : surplus + tokens.size(); }
  const Node& top() const { return parent ? parent->top() : *this; }
  /// From the start of the prompt to its own last one.
  std::vector<Token> all_tokens() const {
    auto all = parent ? parent->all_tokens() : std::vector<Token>{};
    all.insert(all.end(), tokens.begin(), tokens.end());
    return all;
  }
};

}  // namespace dspy::llama
