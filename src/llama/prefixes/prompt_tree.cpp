// Running sequences: what they take of the tree and what they give it; and pins.  prompt_tree_nodes.cpp cuts and joins
// nodes, prompt_tree_idle.cpp says which of them may go, prompt_tree_storage.cpp moves them to host memory and files.
#include "llama/prefixes/prompt_tree.hpp"

#include "llama/prefixes/prompt_tree_node.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {
namespace {

/// Nodes on the path of a prompt, beyond which they are joined.
constexpr std::size_t longest_path = 8;

}  // namespace

std::size_t common_prefix(std::span<const Token> a, std::span<const Token> b) noexcept {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

PromptTree::PromptTree(RuntimeContext& context, Limits limits, PrefixStore* store)
    : context_(context), limits_(limits), store_(limits.file_bytes > 0 ? store : nullptr) {
  for (int i = limits.sequences; i-- > 0;) free_.push_back(limits.first_sequence + i);
  if (store_) list_store();
}

PromptTree::~PromptTree() = default;

PromptTree::Node& PromptTree::root(std::size_t number) {
  auto& place = roots_[number];
  if (!place) place = std::make_unique<Node>();
  return *place;
}

// --- running sequences -----------------------------------------------------------------------------------------------

PromptTree::Offer PromptTree::reserve(int sequence, std::span<const Token> tokens, std::size_t root_number) {
  auto& lease = leases_[sequence] = {.root = root_number};
  Offer offer;
  for (auto* node = &root(root_number); offer.length < tokens.size();) {
    const auto rest = tokens.subspan(offer.length);
    const auto child = node->children.find(rest.front());
    if (child == node->children.end()) break;
    node = child->second.get();
    const auto common = common_prefix(node->tokens, rest);
    // Restoring a long node for a short match costs more room than it saves time.
    if (2 * common < node->to_restore()) break;
    offer.restore += node->to_restore();
    node->last_use = ++clock_;
    lease.path.push_back(node);
    offer.length += common;
    if (common < node->tokens.size()) break;
  }
  lease.length = offer.length;
  return offer;
}

std::size_t PromptTree::take(int sequence) {
  auto& lease = leases_.at(sequence);
  for (std::size_t i = 0; i < lease.path.size(); ++i) {
    auto& node = *lease.path[i];
    if (!node.in_cells() && !restore(node)) {
      lease.path.resize(i);
      lease.length = node.begin;
      if (node.blob.empty() && node.file_bytes == 0 && !in_use(node)) drop(node);  // its file was lost
      break;
    }
    context_.copy(node.sequence, sequence, static_cast<int>(node.begin),
                  static_cast<int>(std::min(node.end(), lease.length)));
  }
  return lease.length;
}

std::size_t PromptTree::give(int sequence, std::span<const Token> tokens, std::size_t room) {
  join_for_sequences();
  auto& lease = leases_[sequence];
  const auto shared = lease.length;
  auto* node = &root(lease.root);
  std::size_t position = 0;
  std::vector<Node*> path;
  while (position < tokens.size()) {
    const auto rest = tokens.subspan(position);
    const auto found = node->children.find(rest.front());
    const auto way = found == node->children.end() ? Way::new_leaf : open_way(*found->second, rest, room);
    if (way == Way::blocked) break;
    if (way == Way::new_leaf) {
      const int own = free_sequence();
      if (own < 0) break;
      context_.copy(sequence, own, static_cast<int>(position), static_cast<int>(tokens.size()));
      node = &add_child(*node, rest);
      settle(*node, own);
    } else {
      node = found->second.get();
      if (!adopt(*node, sequence, shared, tokens.size())) break;
    }
    position = std::min(node->end(), tokens.size());
    node->last_use = ++clock_;
    path.push_back(node);
    // Leased at once, so that making room for what follows does not evict it.
    if (position >= shared) lease = {path, position, lease.root};
  }
  // From the start of the path, where other prompts are least likely to branch off.
  for (std::size_t i = 0; lease.path.size() > longest_path && i + 1 < lease.path.size();)
    i += join(*lease.path[i]) ? 0 : 1;
  return lease.length;
}

/// Makes `child`, which starts like `rest`, a node that `rest` can go through, or end in: splits it where `rest` leaves
/// it.  `room`: cells that this may take.
PromptTree::Way PromptTree::open_way(Node& child, std::span<const Token> rest, std::size_t& room) {
  const auto common = common_prefix(child.tokens, rest);
  if (common == child.tokens.size()) return Way::child;
  if (!child.in_cells()) {
    const bool has_sequence = !free_.empty() || idlest_in_cells();
    if (common == rest.size() || in_use(child) || !has_sequence) return Way::blocked;
    if (cut_outside(child, common)) return Way::child;
    // If it is pinned it is brought back first, otherwise it is dropped.
    if (!pinned(child, child.begin + common)) {
      drop(child);
      return Way::new_leaf;
    }
    if (child.to_restore() > room || !restore(child)) return Way::blocked;
    room -= child.tokens.size();
  }
  return common == rest.size() || split(child, common) ? Way::child : Way::blocked;
}

/// `sequence` holds a node's tokens, up to `end` of the prompt, and took those before `shared` from the tree.  If the
/// node is in the cells, the sequence takes the others from it too and its own cells become free; if not, the node gets
/// them.  False if there is no sequence for that.
bool PromptTree::adopt(Node& node, int sequence, std::size_t shared, std::size_t end) {
  if (!node.in_cells()) {
    const int own = free_sequence_beside(node);
    if (own < 0) return false;
    context_.copy(sequence, own, static_cast<int>(node.begin), static_cast<int>(node.end()));
    settle(node, own);
    return true;
  }
  const auto from = std::max(shared, node.begin);
  const auto to = std::min(node.end(), end);
  if (from >= to) return true;
  context_.remove(sequence, static_cast<int>(from), static_cast<int>(to));
  context_.copy(node.sequence, sequence, static_cast<int>(from), static_cast<int>(to));
  return true;
}

void PromptTree::release(int sequence) {
  leases_.erase(sequence);
}

// --- pins ------------------------------------------------------------------------------------------------------------

void PromptTree::pin(std::vector<Token> tokens) {
  pins_.push_back(std::move(tokens));
}

bool PromptTree::unpin(std::span<const Token> tokens) {
  const auto found = std::ranges::find_if(pins_, [&](const auto& pin) { return std::ranges::equal(pin, tokens); });
  if (found == pins_.end()) return false;
  pins_.erase(found);
  shrink_host(limits_.host_bytes);
  return true;
}

/// Whether a pinned prompt runs through the node, and has more than `from` tokens.
bool PromptTree::pinned(const Node& node, std::size_t from) const {
  const auto plain = roots_.find(0);
  if (plain == roots_.end() || &node.top() != plain->second.get()) return false;
  return std::ranges::any_of(pins_, [&](std::span<const Token> pin) {
    if (pin.size() <= from) return false;
    for (const auto* part = &node; part->parent; part = part->parent) {
      if (part->begin >= pin.size()) return false;
      const auto there = pin.subspan(part->begin);
      if (common_prefix(part->tokens, there) < std::min(part->tokens.size(), there.size())) return false;
    }
    return true;
  });
}

}  // namespace dspy::llama
