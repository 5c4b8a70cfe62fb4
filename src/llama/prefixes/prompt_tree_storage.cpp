// Where a node's tokens are: in the cells, in host memory, in files; and moving them.
#include "llama/prefixes/prompt_tree.hpp"
#include "llama/prefixes/prompt_tree_node.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace dspy::llama {

// --- cells -----------------------------------------------------------------------------------------------------------

/// The node's tokens are in the cells under `sequence` now.
void PromptTree::settle(Node& node, int sequence) {
  if (std::exchange(node.surplus, 0) > 0) leave_file(node);  // which begins earlier than the node
  leave_host(node);
  node.sequence = sequence;
  cells_ += node.tokens.size();
  in_cells_.push_back(&node);
}

void PromptTree::leave_cells(Node& node) {
  context_.remove(node.sequence, 0, -1);
  free_.push_back(std::exchange(node.sequence, -1));
  cells_ -= node.tokens.size();
  std::erase(in_cells_, &node);
}

// --- host memory -----------------------------------------------------------------------------------------------------

/// Moves a node to host memory, or drops it if there is no room for it.
void PromptTree::store(Node& node) {
  auto blob = limits_.host_bytes > 0 || store_ ? context_.save(node.sequence) : std::vector<std::byte>{};
  const bool fits = blob.size() <= limits_.host_bytes || pinned(node) || store_;
  if (blob.empty() || !fits) return drop(node);
  leave_cells(node);
  node.blob = std::move(blob);
  host_bytes_ += node.blob.size();
  on_host_.push_back(&node);
  totals_.stored += node.tokens.size();
  shrink_host(limits_.host_bytes);
}

bool PromptTree::restore(Node& node) {
  if (!recall(node)) return false;
  int sequence = free_sequence();
  if (sequence < 0) return false;
  const auto put_back = [&] {
    context_.remove(sequence, 0, -1);
    free_.push_back(sequence);
    return false;
  };
  if (!context_.restore(sequence, node.blob)) return put_back();
  if (node.surplus > 0) {
    // Copied rather than cut, since a sequence forgets the pictures that are cut off, by which it tells positions.
    const int own = free_sequence();
    if (own < 0) return put_back();
    context_.copy(sequence, own, static_cast<int>(node.begin), static_cast<int>(node.end()));
    put_back();
    sequence = own;
  } else if (node.file_bytes > 0) {
    // Of a file that another process wrote, it is not known whether there is a surplus; no picture is in a file.
    context_.remove(sequence, 0, static_cast<int>(node.begin));
  }
  settle(node, sequence);
  totals_.restored += node.tokens.size();
  return true;
}

void PromptTree::leave_host(Node& node) {
  if (node.blob.empty()) return;
  host_bytes_ -= node.blob.size();
  node.blob = {};
  std::erase(on_host_, &node);
}

void PromptTree::shrink_host(std::size_t most) {
  while (host_bytes_ > most) {
    auto* const node = idlest_on_host();
    if (!node) break;
    if (spill(*node))
      leave_host(*node);
    else
      drop(*node);
  }
  if (store_) shrink_files(limits_.file_bytes);
}

// --- files -----------------------------------------------------------------------------------------------------------

/// Writes a node to a file, unless it is in one.  False if there is no store, or no room.
bool PromptTree::spill(Node& node) {
  if (node.file_bytes > 0) return true;
  // Sets of LoRA adapters are numbered anew in each process.
  if (!store_ || &node.top() != &root(0) || node.blob.size() > limits_.file_bytes) return false;
  const auto tokens = node.all_tokens();
  // So are pictures and sounds.
  if (std::ranges::any_of(tokens, [](Token token) { return token < 0; })) return false;
  const auto bytes = store_->write(tokens, node.begin, node.blob);
  if (bytes == 0) return false;
  node.file_bytes = bytes;
  file_bytes_ += bytes;
  in_files_.push_back(&node);
  totals_.spilled += node.tokens.size();
  return true;
}

/// Reads a node's bytes into host memory.  False if its file is gone or damaged.
bool PromptTree::recall(Node& node) {
  if (!node.blob.empty()) return true;
  if (node.file_bytes == 0) return false;
  auto blob = store_->read(node.all_tokens(), node.begin);
  if (!blob || blob->empty()) {
    leave_file(node);
    return false;
  }
  node.blob = *std::move(blob);
  host_bytes_ += node.blob.size();
  on_host_.push_back(&node);
  totals_.loaded += node.tokens.size();
  return true;
}

void PromptTree::leave_file(Node& node) {
  if (node.file_bytes == 0) return;
  store_->remove(node.all_tokens(), node.begin);
  file_bytes_ -= std::exchange(node.file_bytes, 0);
  std::erase(in_files_, &node);
}

void PromptTree::shrink_files(std::uint64_t most) {
  while (file_bytes_ > most) {
    auto* const node = idlest_in_files();
    if (!node) return;
    // A node that is nowhere else is dropped, with all below it.
    if (node->in_cells() || !node->blob.empty())
      leave_file(*node);
    else
      drop(*node);
  }
}

void PromptTree::flush() {
  if (!store_) return;
  while (auto* const node = idlest_in_cells()) store(*node);
  // Those used last are worth most, and shorter ones are what longer ones need.
  auto nodes = on_host_;
  std::ranges::sort(nodes, std::greater{}, &Node::last_use);
  for (auto* node : nodes) {
    if (file_bytes_ + node->blob.size() <= limits_.file_bytes) spill(*node);
  }
}

/// Adds the nodes that other processes left in files.
void PromptTree::list_store() {
  for (const auto& [tokens, begin, bytes] : store_->list()) {
    auto* node = &root(0);
    std::size_t position = 0;
    while (position < begin) {
      const auto child = node->children.find(tokens[position]);
      if (child == node->children.end()) break;
      const auto rest = std::span(tokens).subspan(position);
      if (common_prefix(child->second->tokens, rest) < child->second->tokens.size()) break;
      node = child->second.get();
      position = node->end();
    }
    if (position != begin || begin >= tokens.size() || node->children.contains(tokens[begin])) {
      store_->remove(tokens, begin);  // what it follows is gone
      continue;
    }
    auto& leaf = add_child(*node, std::span(tokens).subspan(begin));
    leaf.file_bytes = bytes;
    file_bytes_ += bytes;
    in_files_.push_back(&leaf);
  }
  shrink_files(limits_.file_bytes);
}

}  // namespace dspy::llama
