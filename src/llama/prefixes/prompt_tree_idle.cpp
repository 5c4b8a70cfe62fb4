// Which nodes are idle, which of them goes first, and the sequences that they leave free.
#include "llama/prefixes/prompt_tree.hpp"
#include "llama/prefixes/prompt_tree_node.hpp"

#include <algorithm>

namespace dspy::llama {

void PromptTree::shrink_idle(std::size_t most) {
  while (idle_cells() > most) {
    auto* const node = idlest_in_cells();
    if (!node) return;
    store(*node);
  }
}

void PromptTree::make_room(std::size_t cells) {
  const auto target = cells_ > cells ? cells_ - cells : 0;
  while (cells_ > target) {
    if (auto* const node = idlest_in_cells())
      store(*node);
    else if (!cut_unused())
      return;
  }
}

/// Cuts a node of which running sequences use only the start, so that its rest is idle.  False if there is none.
bool PromptTree::cut_unused() {
  for (auto* node : in_cells_) {
    std::size_t used = 0;
    for (const auto& [unused, lease] : leases_) {
      if (std::ranges::contains(lease.path, node)) used = std::max(used, std::min(lease.length, node->end()));
    }
    if (used > node->begin && used < node->end()) return split(*node, used - node->begin);
  }
  return false;
}

std::size_t PromptTree::idle_cells() const {
  std::size_t used = 0;
  for (const auto* node : in_cells_) used += in_use(*node) ? node->tokens.size() : 0;
  return cells_ - used;
}

bool PromptTree::in_use(const Node& node) const {
  return std::ranges::any_of(leases_,
                             [&](const auto& lease) { return std::ranges::contains(lease.second.path, &node); });
}

/// The least recently used node that may leave the cells: one that is idle and has no child there.
PromptTree::Node* PromptTree::idlest_in_cells() const {
  Node* idlest = nullptr;
  for (auto* node : in_cells_) {
    if (idlest && node->last_use >= idlest->last_use) continue;
    const bool inner = std::ranges::any_of(node->children, [](const auto& child) { return child.second->in_cells(); });
    if (!inner && !in_use(*node)) idlest = node;
  }
  return idlest;
}

PromptTree::Node* PromptTree::idlest_on_host() const {
  Node* idlest = nullptr;
  for (auto* node : on_host_) {
    if (idlest && node->last_use >= idlest->last_use) continue;
    // A node that moves to a file can come back, so its children may be in files already; one that is dropped takes all
    // below it along.
    const bool inner =
        std::ranges::any_of(node->children, [&](const auto& child) { return !store_ || !child.second->blob.empty(); });
    if (!inner && !in_use(*node) && !pinned(*node)) idlest = node;
  }
  return idlest;
}

PromptTree::Node* PromptTree::idlest_in_files() const {
  Node* idlest = nullptr;
  for (auto* node : in_files_) {
    if (idlest && node->last_use >= idlest->last_use) continue;
    const bool inner =
        std::ranges::any_of(node->children, [](const auto& child) { return child.second->file_bytes > 0; });
    if (!inner && !in_use(*node)) idlest = node;
  }
  return idlest;
}

/// A sequence for a node; an idle node is moved out for it if need be.  -1 if running sequences use all of them.
int PromptTree::free_sequence() {
  if (free_.empty()) {
    auto* const node = idlest_in_cells();
    if (!node) return -1;
    store(*node);
  }
  const int sequence = free_.back();
  free_.pop_back();
  return sequence;
}

/// The same, but `node` is not moved out.
int PromptTree::free_sequence_beside(Node& node) {
  leases_[-1].path = {&node};
  const int own = free_sequence();
  leases_.erase(-1);
  return own;
}

}  // namespace dspy::llama
