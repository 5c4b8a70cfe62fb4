// The shape of the tree: nodes are added, dropped, cut in two and joined.
#include "llama/prefixes/prompt_tree.hpp"
#include "llama/prefixes/prompt_tree_node.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {

PromptTree::Node& PromptTree::add_child(Node& parent, std::span<const Token> tokens) {
  auto child = std::make_unique<Node>();
  child->parent = &parent;
  child->begin = parent.end();
  child->tokens.assign(tokens.begin(), tokens.end());
  return *(parent.children[tokens.front()] = std::move(child));
}

/// Splits a node that is in the cells.  False if there is no sequence for the second part.
bool PromptTree::split(Node& node, std::size_t length) {
  const int own = free_sequence_beside(node);
  if (own < 0) return false;
  leave_file(node);
  const auto begin = static_cast<int>(node.begin + length);
  const auto end = static_cast<int>(node.end());
  context_.copy(node.sequence, own, begin, end);
  context_.remove(node.sequence, begin, end);

  auto& rest = part(node, length);
  rest.sequence = own;
  in_cells_.push_back(&rest);
  for (auto& [unused, lease] : leases_) {
    const auto place = std::ranges::find(lease.path, &node);
    if (place != lease.path.end() && lease.length > rest.begin) lease.path.insert(place + 1, &rest);
  }
  return true;
}

/// Splits an idle node that is in host memory or a file.  The second part keeps the bytes of both; the first has none,
/// and gets the cells of a sequence that holds its tokens.  False where that would change the order of cells, which a
/// reproducible engine keeps, or if its file is lost.
bool PromptTree::cut_outside(Node& node, std::size_t length) {
  if (!limits_.joins || !recall(node)) return false;
  leave_file(node);
  auto& rest = part(node, length);
  rest.blob = std::exchange(node.blob, {});
  rest.surplus = std::exchange(node.surplus, 0) + length;
  std::ranges::replace(on_host_, &node, &rest);
  return true;
}

/// A child of the node that has its tokens from `length` on, and what is below it.
PromptTree::Node& PromptTree::part(Node& node, std::size_t length) {
  auto rest = std::make_unique<Node>();
  rest->parent = &node;
  rest->begin = node.begin + length;
  rest->tokens.assign(node.tokens.begin() + static_cast<std::ptrdiff_t>(length), node.tokens.end());
  rest->children = std::move(node.children);
  for (auto& child : rest->children) child.second->parent = rest.get();
  rest->last_use = node.last_use;
  node.tokens.resize(length);
  node.children.clear();
  return *(node.children[rest->tokens.front()] = std::move(rest));
}

/// Joins a node with its only child.  False if they must stay apart.
bool PromptTree::join(Node& node) {
  if (!limits_.joins || !node.in_cells() || node.children.size() != 1) return false;
  auto& child = *node.children.begin()->second;
  if (!child.in_cells() || pinned(node) != pinned(child)) return false;
  leave_file(node);
  leave_file(child);
  context_.copy(child.sequence, node.sequence, static_cast<int>(child.begin), static_cast<int>(child.end()));
  context_.remove(child.sequence, 0, -1);
  free_.push_back(child.sequence);
  std::erase(in_cells_, &child);
  for (auto& [unused, lease] : leases_) std::erase(lease.path, &child);
  node.tokens.insert(node.tokens.end(), child.tokens.begin(), child.tokens.end());
  node.last_use = std::max(node.last_use, child.last_use);
  auto children = std::move(child.children);
  for (auto& [unused, each] : children) each->parent = &node;
  node.children = std::move(children);
  return true;
}

/// Joins nodes until two sequences are free, one for a split and one for a leaf, as far as that is possible.
void PromptTree::join_for_sequences() {
  if (!limits_.joins || free_.size() >= 2 || idlest_in_cells()) return;
  const auto nodes = in_cells_;
  // Joining removes only the child, which may come later in the list.
  for (auto* node : nodes) {
    while (std::ranges::contains(in_cells_, node) && join(*node)) {
      if (free_.size() >= 2) return;
    }
  }
}

/// Forgets a node and all below it, none of which is in use.
void PromptTree::drop(Node& node) {
  while (!node.children.empty()) drop(*node.children.begin()->second);
  if (node.in_cells()) leave_cells(node);
  leave_host(node);
  leave_file(node);
  totals_.dropped += node.tokens.size();
  node.parent->children.erase(node.tokens.front());
}

void PromptTree::clear() {
  for (const auto& [number, unused] : roots_) clear(number);
}

void PromptTree::clear(std::size_t root_number) {
  const auto forget = [&](auto& self, Node& node) -> void {
    for (auto child = node.children.begin(); child != node.children.end();) {
      auto& next = *(child++)->second;
      if (in_use(next))
        self(self, next);
      else
        drop(next);
    }
  };
  if (const auto top = roots_.find(root_number); top != roots_.end()) forget(forget, *top->second);
}

}  // namespace dspy::llama
