#pragma once

#include "llama/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace dspy::llama {

/// What is known of prompts: a radix tree over their tokens, whose nodes own computed tokens.
///
/// A node's tokens are either in the context's cells, under a sequence of their own that holds just their positions, or
/// in host memory.  Sequences that run take the nodes on their path, which shares cells and copies nothing, and give
/// back what they computed.  Every cell belongs to one node or to one running sequence, so `cells()` is exact.
///
/// Nodes that no running sequence uses are idle.  Attention reads idle cells too, so they are moved to host memory, the
/// least recently used first, and dropped from there when that is full.  A node in the cells has its parent there.
///
/// Used by one thread; the context must outlive the tree.
class PromptTree {
 public:
  struct Limits {
    int first_sequence = 0;  ///< The first of the context's sequences that are the tree's own.
    int sequences = 1;       ///< How many are: no more nodes can be in the cells.
    std::size_t host_bytes = 0;
  };
  struct Totals {
    std::uint64_t stored = 0;    ///< Tokens moved to host memory.
    std::uint64_t restored = 0;  ///< Tokens brought back.
    std::uint64_t dropped = 0;   ///< Tokens forgotten.
  };
  /// What a sequence would get.
  struct Offer {
    std::size_t length = 0;   ///< Leading tokens.
    std::size_t restore = 0;  ///< Tokens that must come back from host memory for that.
  };

  PromptTree(RuntimeContext& context, Limits limits);
  ~PromptTree();
  PromptTree(const PromptTree&) = delete;
  PromptTree& operator=(const PromptTree&) = delete;

  /// Looks how much of `tokens` is known and keeps it from leaving until `release`.
  Offer reserve(int sequence, std::span<const Token> tokens);
  /// Shares the reserved tokens with `sequence`, whose cells must be empty.  Returns how many; fewer than were offered
  /// if some could not be brought back.
  std::size_t take(int sequence);
  /// Makes `tokens`, all of which `sequence` holds, the tree's; the sequence goes on sharing them.  Returns how many of
  /// them, from the start, the tree owns now: fewer than all where it has no sequence left to hold them.
  std::size_t give(int sequence, std::span<const Token> tokens);
  /// The sequence uses the tree no longer.  Its own cells are the caller's business.
  void release(int sequence);

  /// Moves idle tokens out of the cells until at most `most` idle ones are left.
  void shrink_idle(std::size_t most);
  /// Moves idle tokens out until at least `cells` more are free, or none are idle.
  void make_room(std::size_t cells);
  /// Forgets what is idle, pinned or not.
  void clear();

  /// Tokens that start like this are kept, if only in host memory, until as many `unpin`s.
  void pin(std::vector<Token> tokens);
  /// False if it was not pinned.
  bool unpin(std::span<const Token> tokens);

  std::size_t cells() const noexcept { return cells_; }
  std::size_t idle_cells() const;
  std::size_t host_bytes() const noexcept { return host_bytes_; }
  const Totals& totals() const noexcept { return totals_; }

 private:
  struct Node;
  struct Lease {
    std::vector<Node*> path{};
    std::size_t length = 0;  ///< Of the last node maybe a part.
  };

  bool in_use(const Node& node) const;
  bool pinned(const Node& node) const;
  Node* idlest_in_cells() const;
  Node* idlest_on_host() const;
  int free_sequence();
  bool restore(Node& node);
  void store(Node& node);
  void shrink_host(std::size_t most);
  void drop(Node& node);
  bool split(Node& node, std::size_t length);
  Node& add_child(Node& parent, std::span<const Token> tokens);
  void settle(Node& node, int sequence);
  void leave_cells(Node& node);

  RuntimeContext& context_;
  Limits limits_;
  std::unique_ptr<Node> root_;
  std::map<int, Lease> leases_;
  std::vector<int> free_;
  std::vector<Node*> in_cells_;
  std::vector<Node*> on_host_;
  std::vector<std::vector<Token>> pins_;
  std::size_t cells_ = 0;
  std::size_t host_bytes_ = 0;
  std::uint64_t clock_ = 0;
  Totals totals_;
};

/// How many tokens two prompts share from the start.
std::size_t common_prefix(std::span<const Token> a, std::span<const Token> b) noexcept;

}  // namespace dspy::llama
