#pragma once

#include "llama/model/runtime.hpp"
#include "llama/prefixes/prefix_store.hpp"

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
/// least recently used first; from there to files, where there is a store; and are dropped when that is full.  A node
/// in the cells has its parent there.
///
/// A conversation adds nodes with each turn, and the context has few sequences.  So where a path gets long, or
/// sequences run out, nodes with an only child are joined with it.
///
/// What is computed through different LoRA adapters has nothing in common, so each set of them has a root of its own.
///
/// Used by one thread; the context must outlive the tree.
class PromptTree {
 public:
  struct Limits {
    int first_sequence = 0;  ///< The first of the context's sequences that are the tree's own.
    int sequences = 1;       ///< How many are: no more nodes can be in the cells.
    std::size_t host_bytes = 0;
    std::uint64_t file_bytes = 0;  ///< In the store.
    bool joins = true;             ///< Whether nodes may become one; else each stays as it was given.
  };
  struct Totals {
    std::uint64_t stored = 0;    ///< Tokens moved to host memory.
    std::uint64_t restored = 0;  ///< Tokens brought back.
    std::uint64_t spilled = 0;   ///< Tokens written to files.
    std::uint64_t loaded = 0;    ///< Tokens read from files.
    std::uint64_t dropped = 0;   ///< Tokens forgotten.
  };
  /// What a sequence would get.
  struct Offer {
    std::size_t length = 0;   ///< Leading tokens.
    std::size_t restore = 0;  ///< Tokens that must come back from host memory for that.
  };

  /// `store` may be null, and must outlive the tree; what it holds is known from the start.
  PromptTree(RuntimeContext& context, Limits limits, PrefixStore* store = nullptr);
  ~PromptTree();
  PromptTree(const PromptTree&) = delete;
  PromptTree& operator=(const PromptTree&) = delete;

  /// Looks how much of `tokens` is known under `root` and keeps it from leaving until `release`.
  Offer reserve(int sequence, std::span<const Token> tokens, std::size_t root = 0);
  /// Shares the reserved tokens with `sequence`, whose cells must be empty.  Returns how many; fewer than were offered
  /// if some could not be brought back.
  std::size_t take(int sequence);
  /// Makes `tokens`, all of which `sequence` holds, the tree's; the sequence goes on sharing them.  Returns how many of
  /// them, from the start, the tree owns now: fewer than all where it has no sequence left to hold them, or, in a tree
  /// without `joins`, where they leave a pinned prompt half-way that is in host memory and would need more than `room`
  /// cells to be split.
  std::size_t give(int sequence, std::span<const Token> tokens, std::size_t room);
  /// The sequence uses the tree no longer.  Its own cells are the caller's business.
  void release(int sequence);

  /// Moves idle tokens out of the cells until at most `most` idle ones are left.
  void shrink_idle(std::size_t most);
  /// Moves idle tokens out until at least `cells` more are free, or none are idle.  Nodes of which running sequences
  /// use only the start are cut there: as a whole they would be lost as soon as another prompt leaves them half-way.
  void make_room(std::size_t cells);
  /// Forgets what is idle, pinned or not, also in files.
  void clear();
  /// The same of one root.
  void clear(std::size_t root);
  /// Writes what is idle to files, as far as there is room, for another process.
  void flush();

  /// Tokens that start like this are kept, if only in host memory, until as many `unpin`s.
  void pin(std::vector<Token> tokens);
  /// False if it was not pinned.
  bool unpin(std::span<const Token> tokens);
  const std::vector<std::vector<Token>>& pins() const noexcept { return pins_; }

  std::size_t cells() const noexcept { return cells_; }
  std::size_t idle_cells() const;
  std::size_t host_bytes() const noexcept { return host_bytes_; }
  std::uint64_t file_bytes() const noexcept { return file_bytes_; }
  const Totals& totals() const noexcept { return totals_; }

 private:
  struct Node;
  struct Lease {
    std::vector<Node*> path{};
    std::size_t length = 0;  ///< Of the last node maybe a part.
    std::size_t root = 0;
  };

  /// How a prompt goes on below a node.
  enum class Way { new_leaf, child, blocked };

  Way open_way(Node& child, std::span<const Token> rest, std::size_t& room);
  bool adopt(Node& node, int sequence, std::size_t shared, std::size_t end);
  bool in_use(const Node& node) const;
  bool pinned(const Node& node, std::size_t from = 0) const;
  Node* idlest_in_cells() const;
  bool cut_unused();
  Node* idlest_on_host() const;
  Node* idlest_in_files() const;
  int free_sequence();
  int free_sequence_beside(Node& node);
  bool restore(Node& node);
  void store(Node& node);
  bool recall(Node& node);
  bool spill(Node& node);
  void leave_host(Node& node);
  void leave_file(Node& node);
  void shrink_host(std::size_t most);
  void shrink_files(std::uint64_t most);
  void list_store();
  Node& root(std::size_t number);
  void drop(Node& node);
  bool split(Node& node, std::size_t length);
  bool cut_outside(Node& node, std::size_t length);
  Node& part(Node& node, std::size_t length);
  bool join(Node& node);
  void join_for_sequences();
  Node& add_child(Node& parent, std::span<const Token> tokens);
  void settle(Node& node, int sequence);
  void leave_cells(Node& node);

  RuntimeContext& context_;
  Limits limits_;
  PrefixStore* store_;
  std::map<std::size_t, std::unique_ptr<Node>> roots_;
  std::map<int, Lease> leases_;
  std::vector<int> free_;
  std::vector<Node*> in_cells_;
  std::vector<Node*> on_host_;
  std::vector<Node*> in_files_;
  std::vector<std::vector<Token>> pins_;
  std::size_t cells_ = 0;
  std::size_t host_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t clock_ = 0;
  Totals totals_;
};

/// How many tokens two prompts share from the start.
std::size_t common_prefix(std::span<const Token> a, std::span<const Token> b) noexcept;

}  // namespace dspy::llama
