#include "llama/prefixes/prompt_tree.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace dspy::llama {
namespace {

/// Nodes on the path of a prompt, beyond which they are joined.
constexpr std::size_t longest_path = 8;

}  // namespace

struct PromptTree::Node {
  Node* parent = nullptr;
  std::size_t begin = 0;  ///< The position of its first token.
  std::vector<Token> tokens{};
  std::map<Token, std::unique_ptr<Node>> children{};
  int sequence = -1;              ///< That holds its tokens in the cells.
  std::vector<std::byte> blob{};  ///< Its tokens in host memory.
  std::uint64_t file_bytes = 0;   ///< A file holds its tokens too; kept while they are elsewhere.
  std::uint64_t last_use = 0;

  bool in_cells() const { return sequence >= 0; }
  std::size_t end() const { return begin + tokens.size(); }
  const Node& top() const { return parent ? parent->top() : *this; }
  /// From the start of the prompt to its own last one.
  std::vector<Token> all_tokens() const {
    auto all = parent ? parent->all_tokens() : std::vector<Token>{};
    all.insert(all.end(), tokens.begin(), tokens.end());
    return all;
  }
};

std::size_t common_prefix(std::span<const Token> a, std::span<const Token> b) noexcept {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

PromptTree::PromptTree(RuntimeContext& context, Limits limits, PrefixStore* store)
    : context_(context), limits_(limits), store_(limits.file_bytes > 0 ? store : nullptr) {
  for (int i = limits.sequences; i-- > 0;) free_.push_back(limits.first_sequence + i);
  if (store_) list_store();
}

PromptTree::Node& PromptTree::root(std::size_t number) {
  auto& place = roots_[number];
  if (!place) place = std::make_unique<Node>();
  return *place;
}

PromptTree::~PromptTree() = default;

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
    // To bring back much for the sake of little costs more room than it saves time.
    if (!node->in_cells() && 2 * common < node->tokens.size()) break;
    if (!node->in_cells()) offer.restore += node->tokens.size();
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
  // Tokens that the sequence computed though the tree knows them by now: it takes the tree's and its own become free.
  const auto exchange = [&](const Node& known, std::size_t end) {
    const auto from = std::max(shared, known.begin);
    if (from >= end) return;
    context_.remove(sequence, static_cast<int>(from), static_cast<int>(end));
    context_.copy(known.sequence, sequence, static_cast<int>(from), static_cast<int>(end));
  };
  while (position < tokens.size()) {
    const auto rest = tokens.subspan(position);
    auto found = node->children.find(rest.front());
    if (found != node->children.end()) {
      auto& child = *found->second;
      const auto common = common_prefix(child.tokens, rest);
      if (common < child.tokens.size() && !child.in_cells()) {
        if (common == rest.size() || in_use(child)) break;
        // What is in host memory cannot be split there: it comes back for that if it is pinned, and is dropped if not.
        if (pinned(child, position + common)) {
          if (child.tokens.size() > room || !restore(child)) break;
          room -= child.tokens.size();
        } else if (!free_.empty() || idlest_in_cells()) {
          drop(child);
          found = node->children.end();
        } else {
          break;
        }
      }
      if (found != node->children.end() && common < child.tokens.size() && common < rest.size() &&
          !split(child, common))
        break;
    }
    if (found == node->children.end()) {
      const int own = free_sequence();
      if (own < 0) break;
      auto& leaf = add_child(*node, rest);
      context_.copy(sequence, own, static_cast<int>(position), static_cast<int>(tokens.size()));
      settle(leaf, own);
      node = &leaf;
      position = tokens.size();
    } else {
      node = found->second.get();
      const auto end = std::min(node->end(), tokens.size());
      if (!node->in_cells()) {
        const int own = free_sequence_beside(*node);
        if (own < 0) break;
        context_.copy(sequence, own, static_cast<int>(node->begin), static_cast<int>(node->end()));
        settle(*node, own);
      } else {
        exchange(*node, end);
      }
      position = end;
    }
    node->last_use = ++clock_;
    path.push_back(node);
    // So that making room for what follows does not take this.
    if (position >= shared) lease = {path, position, lease.root};
  }
  // The oldest first: that is where others are least likely to branch off.
  for (std::size_t i = 0; lease.path.size() > longest_path && i + 1 < lease.path.size();)
    i += join(*lease.path[i]) ? 0 : 1;
  return lease.length;
}

void PromptTree::release(int sequence) {
  leases_.erase(sequence);
}

// --- room ------------------------------------------------------------------------------------------------------------

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
    auto* const node = idlest_in_cells();
    if (!node) return;
    store(*node);
  }
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

std::size_t PromptTree::idle_cells() const {
  std::size_t used = 0;
  for (const auto* node : in_cells_) used += in_use(*node) ? node->tokens.size() : 0;
  return cells_ - used;
}

bool PromptTree::in_use(const Node& node) const {
  return std::ranges::any_of(leases_,
                             [&](const auto& lease) { return std::ranges::contains(lease.second.path, &node); });
}

/// Whether a pin runs through a node, and to more than its prompt's first `from` tokens.
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

/// Of the nodes that may leave the cells: those below which nothing is in the cells.
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
    // What leaves for a file can come back, so what follows it may be there already; what is dropped takes all along.
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

/// So that one sequence for a split and one for a leaf can be had, if that is possible.
void PromptTree::join_for_sequences() {
  if (!limits_.joins || free_.size() >= 2 || idlest_in_cells()) return;
  const auto nodes = in_cells_;
  // Joining takes only the child away, which may stand later in the list.
  for (auto* node : nodes) {
    while (std::ranges::contains(in_cells_, node) && join(*node)) {
      if (free_.size() >= 2) return;
    }
  }
}

/// -1 if running sequences use all of them.
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

/// As above; `node` stays where it is.
int PromptTree::free_sequence_beside(Node& node) {
  leases_[-1].path = {&node};
  const int own = free_sequence();
  leases_.erase(-1);
  return own;
}

bool PromptTree::restore(Node& node) {
  if (!recall(node)) return false;
  const int sequence = free_sequence();
  if (sequence < 0) return false;
  if (!context_.restore(sequence, node.blob)) {
    context_.remove(sequence, 0, -1);
    free_.push_back(sequence);
    return false;
  }
  settle(node, sequence);
  totals_.restored += node.tokens.size();
  return true;
}

/// The node's tokens are in the cells under `sequence` now.
void PromptTree::settle(Node& node, int sequence) {
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

void PromptTree::leave_host(Node& node) {
  if (node.blob.empty()) return;
  host_bytes_ -= node.blob.size();
  node.blob = {};
  std::erase(on_host_, &node);
}

void PromptTree::leave_file(Node& node) {
  if (node.file_bytes == 0) return;
  store_->remove(node.all_tokens(), node.begin);
  file_bytes_ -= std::exchange(node.file_bytes, 0);
  std::erase(in_files_, &node);
}

/// Moves a node to host memory, or drops it where there is none.
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

/// Brings a node's bytes to host memory.  False where its file is gone or damaged.
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

/// Makes sure that a node is in a file.  False where there is none, or no room.
bool PromptTree::spill(Node& node) {
  if (node.file_bytes > 0) return true;
  // A set of adapters has a number in this process only.
  if (!store_ || &node.top() != &root(0) || node.blob.size() > limits_.file_bytes) return false;
  const auto tokens = node.all_tokens();
  // Pictures and sounds have numbers in this process only, too.
  if (std::ranges::any_of(tokens, [](Token token) { return token < 0; })) return false;
  const auto bytes = store_->write(tokens, node.begin, node.blob);
  if (bytes == 0) return false;
  node.file_bytes = bytes;
  file_bytes_ += bytes;
  in_files_.push_back(&node);
  totals_.spilled += node.tokens.size();
  return true;
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

void PromptTree::shrink_files(std::uint64_t most) {
  while (file_bytes_ > most) {
    auto* const node = idlest_in_files();
    if (!node) return;
    // What is only there goes with all that follows it, unless a part of that is in use.
    if (node->in_cells() || !node->blob.empty())
      leave_file(*node);
    else
      drop(*node);
  }
}

/// Makes known what other processes left.
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

/// Forgets a node and all below it, none of which is in use.
void PromptTree::drop(Node& node) {
  while (!node.children.empty()) drop(*node.children.begin()->second);
  if (node.in_cells()) leave_cells(node);
  leave_host(node);
  leave_file(node);
  totals_.dropped += node.tokens.size();
  node.parent->children.erase(node.tokens.front());
}

PromptTree::Node& PromptTree::add_child(Node& parent, std::span<const Token> tokens) {
  auto child = std::make_unique<Node>();
  child->parent = &parent;
  child->begin = parent.end();
  child->tokens.assign(tokens.begin(), tokens.end());
  return *(parent.children[tokens.front()] = std::move(child));
}

/// Cuts a node in the cells in two.  False if there is no sequence for the second part.
bool PromptTree::split(Node& node, std::size_t length) {
  const int own = free_sequence_beside(node);
  if (own < 0) return false;
  leave_file(node);
  const auto begin = static_cast<int>(node.begin + length);
  const auto end = static_cast<int>(node.end());
  context_.copy(node.sequence, own, begin, end);
  context_.remove(node.sequence, begin, end);

  auto rest = std::make_unique<Node>();
  rest->parent = &node;
  rest->begin = node.begin + length;
  rest->tokens.assign(node.tokens.begin() + static_cast<std::ptrdiff_t>(length), node.tokens.end());
  rest->children = std::move(node.children);
  for (auto& child : rest->children) child.second->parent = rest.get();
  rest->sequence = own;
  rest->last_use = node.last_use;
  in_cells_.push_back(rest.get());
  node.tokens.resize(length);
  for (auto& [unused, lease] : leases_) {
    const auto place = std::ranges::find(lease.path, &node);
    if (place != lease.path.end() && lease.length > rest->begin) lease.path.insert(place + 1, rest.get());
  }
  node.children.clear();
  node.children[rest->tokens.front()] = std::move(rest);
  return true;
}

/// Makes a node and its only child one.  False where they must stay apart.
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

}  // namespace dspy::llama
