#include "llama/mask/expressions/expression.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {

Pool::Pool() : nodes_{{.op = Op::nothing}, {.op = Op::empty, .accepts_empty = true}}, table_(256, nothing) {}

std::size_t Pool::hash(const Node& node) const noexcept {
  std::size_t out = static_cast<std::size_t>(node.op);
  const auto mix = [&](std::size_t value) {
    out = (out ^ value) * 0x9E3779B97F4A7C15u;
    out ^= out >> 31;
  };
  if (node.op == Op::alt) {
    for (const auto part : parts(node)) mix(part);
  } else {
    mix(node.a);
    mix(node.b);
  }
  mix(node.min);
  mix(node.max);
  return out;
}

std::size_t Pool::HashParts::operator()(const std::vector<Expr>& parts) const noexcept {
  std::size_t out = parts.size();
  for (const auto part : parts) out = (out ^ (out >> 29) ^ part) * 0x9E3779B97F4A7C15u;
  return out;
}

bool Pool::same(const Node& a, const Node& b) const noexcept {
  if (a.op != Op::alt || b.op != Op::alt)
    return a.op == b.op && a.a == b.a && a.b == b.b && a.min == b.min && a.max == b.max;
  return std::ranges::equal(parts(a), parts(b));
}

void Pool::grow_table() {
  table_.assign(table_.size() * 2, nothing);
  for (Expr expr = 2; expr < nodes_.size(); ++expr) {
    auto slot = hash(nodes_[expr]) & (table_.size() - 1);
    while (table_[slot] != nothing) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = expr;
  }
}

/// Of an `alt`, the parts are the last of `parts_`; they are dropped if the expression is known.
Expr Pool::intern(Node node) {
  auto slot = hash(node) & (table_.size() - 1);
  for (; table_[slot] != nothing; slot = (slot + 1) & (table_.size() - 1)) {
    if (!same(nodes_[table_[slot]], node)) continue;
    if (node.op == Op::alt) parts_.resize(node.a);
    return table_[slot];
  }
  const auto expr = static_cast<Expr>(nodes_.size());
  table_[slot] = expr;
  node.accepts_empty = compute_accepts_empty(node);
  nodes_.push_back(node);
  if (nodes_.size() * 2 > table_.size()) grow_table();
  return expr;
}

bool Pool::compute_accepts_empty(const Node& node) const noexcept {
  switch (node.op) {
    case Op::nothing:
    case Op::bytes: return false;
    case Op::empty: return true;
    case Op::seq:
    case Op::both: return nodes_[node.a].accepts_empty && nodes_[node.b].accepts_empty;
    case Op::alt: return std::ranges::any_of(parts(node), [&](Expr part) { return nodes_[part].accepts_empty; });
    case Op::repeat: return node.min == 0 || nodes_[node.a].accepts_empty;
    case Op::rule: return rules_[node.a].accepts_empty;
    case Op::dfa: return dfas_[node.a].accepts(node.b);
    case Op::counted: return node.min == 0 && dfas_[node.a].accepts(node.b);
    case Op::all_but: return !nodes_[node.a].accepts_empty;
  }
  return false;
}

Expr Pool::bytes(const ByteSet& set) {
  if (set.empty()) return nothing;
  const auto found = std::ranges::find(sets_, set);
  if (found == sets_.end()) {
    sets_.push_back(set);
    return intern({.op = Op::bytes, .a = static_cast<std::uint32_t>(sets_.size() - 1)});
  }
  return intern({.op = Op::bytes, .a = static_cast<std::uint32_t>(found - sets_.begin())});
}

Expr Pool::literal(std::string_view text) {
  Expr out = empty;
  for (auto at = text.size(); at-- > 0;) out = seq(bytes(ByteSet::of(static_cast<unsigned char>(text[at]))), out);
  return out;
}

Expr Pool::seq(Expr head, Expr tail) {
  if (head == nothing || tail == nothing) return nothing;
  if (head == empty) return tail;
  if (tail == empty) return head;
  if (nodes_[head].op != Op::seq) return intern({.op = Op::seq, .a = head, .b = tail});
  std::vector<Expr> heads;
  for (; nodes_[head].op == Op::seq; head = nodes_[head].b) heads.push_back(nodes_[head].a);
  heads.push_back(head);
  for (auto at = heads.size(); at-- > 0;) tail = intern({.op = Op::seq, .a = heads[at], .b = tail});
  return tail;
}

Expr Pool::seq(std::initializer_list<Expr> list) {
  Expr out = empty;
  for (auto at = list.size(); at-- > 0;) out = seq(*(list.begin() + at), out);
  return out;
}

Expr Pool::alt(const std::vector<Expr>& list) {
  merged_.clear();
  return merge(list);
}

Expr Pool::merge(const std::vector<Expr>& list) {
  ByteSet set;
  std::vector<Expr> inner;
  const auto keep = [&](Expr part) {
    if (nodes_[part].op == Op::bytes) {
      set = set | sets_[nodes_[part].a];
    } else if (part != nothing) {
      inner.push_back(part);
    }
  };
  inner.reserve(list.size());
  for (const auto part : list) {
    if (nodes_[part].op != Op::alt) {
      keep(part);
      continue;
    }
    for (std::size_t i = 0; i < nodes_[part].b; ++i) keep(parts_[nodes_[part].a + i]);
  }
  if (!set.empty()) inner.push_back(bytes(set));
  std::ranges::sort(inner);
  const auto rest = std::ranges::unique(inner);
  inner.erase(rest.begin(), rest.end());
  if (share_heads(inner)) return merge(inner);
  const auto kept = inner.size();
  if (kept == 0) return nothing;
  if (kept == 1) return inner[0];
  const auto first = static_cast<std::uint32_t>(parts_.size());
  parts_.insert(parts_.end(), inner.begin(), inner.end());
  return intern({.op = Op::alt, .a = first, .b = static_cast<std::uint32_t>(kept)});
}

/// Makes one of all sequences with the same head, `a b | a c` = `a (b | c)`: without this, grammars that only decide
/// later which of two rules it was would double their states with each level of nesting.
bool Pool::share_heads(std::vector<Expr>& parts) {
  const auto head = [&](Expr part) { return nodes_[part].op == Op::seq ? nodes_[part].a : nothing; };
  auto by_head = parts;
  std::ranges::stable_sort(by_head, {}, head);
  const auto same = [&](Expr a, Expr b) { return head(a) != nothing && head(a) == head(b); };
  if (std::ranges::adjacent_find(by_head, same) == by_head.end()) return false;
  parts.clear();
  for (std::size_t at = 0; at < by_head.size();) {
    const auto first = by_head[at];
    std::vector<Expr> tails = {first};
    for (++at; at < by_head.size() && same(first, by_head[at]); ++at) tails.push_back(by_head[at]);
    // Long common beginnings are taken off here, so that recursion only follows where sequences part.
    std::vector<Expr> heads;
    while (tails.size() > 1 && std::ranges::all_of(tails, [&](Expr tail) { return same(tails[0], tail); })) {
      heads.push_back(head(tails[0]));
      for (auto& tail : tails) tail = nodes_[tail].b;
    }
    auto shared = tails.size() == 1 ? tails[0] : merged_(tails, [&] { return merge(tails); });
    for (auto i = heads.size(); i-- > 0;) shared = seq(heads[i], shared);
    parts.push_back(shared);
  }
  return true;
}

Expr Pool::repeat(Expr body, std::uint32_t min, std::uint32_t max) {
  if (body == nothing) return min == 0 ? empty : nothing;
  if (body == empty || max == 0) return empty;
  if (min == 1 && max == 1) return body;
  const auto& inner = nodes_[body];
  if (inner.op == Op::repeat && inner.min == 0 && inner.max == unbounded) return body;
  has_bounds_ = has_bounds_ || min > 1 || (max != unbounded && max > 1);
  return intern({.op = Op::repeat, .a = body, .min = min, .max = max});
}

Expr Pool::rule(std::string name) {
  rules_.push_back({.name = std::move(name)});
  return intern({.op = Op::rule, .a = static_cast<std::uint32_t>(rules_.size() - 1)});
}

void Pool::define(Expr rule, Expr body) {
  auto& defined = rules_[nodes_[rule].a];
  defined.body = body;
  defined.defined = true;
}

std::uint32_t Pool::add(Dfa dfa) {
  const auto known = std::ranges::find(dfas_, dfa);
  if (known != dfas_.end()) {
    const auto index = static_cast<std::uint32_t>(known - dfas_.begin());
    if (!known->has_lengths()) *known = std::move(dfa);
    return index;
  }
  dfas_.push_back(std::move(dfa));
  return static_cast<std::uint32_t>(dfas_.size() - 1);
}

Expr Pool::automaton(std::uint32_t dfa, std::size_t min, std::size_t max) {
  const auto bound = [](std::size_t value) {
    return value >= unbounded ? unbounded : static_cast<std::uint32_t>(value);
  };
  return counted(dfa, dfas_[dfa].start(), bound(min), bound(max));
}

Expr Pool::automaton(std::uint32_t dfa, Dfa::State state) {
  if (state == Dfa::dead) return nothing;
  if (dfas_[dfa].is_final(state)) return empty;
  return intern({.op = Op::dfa, .a = dfa, .b = state});
}

Expr Pool::counted(std::uint32_t dfa, Dfa::State state, std::uint32_t min, std::uint32_t max) {
  if (state == Dfa::dead) return nothing;
  const auto& machine = dfas_[dfa];
  if (min == 0 && max == unbounded) return automaton(dfa, state);
  if (!machine.can_end(state, min, max == unbounded ? SIZE_MAX : max)) return nothing;
  if (machine.is_final(state) || (max == 0 && machine.at_boundary(state))) return empty;
  has_bounds_ = true;
  return intern({.op = Op::counted, .a = dfa, .b = state, .min = min, .max = max});
}

Expr Pool::both(Expr a, Expr b) {
  if (a == nothing || b == nothing) return nothing;
  if (a == b) return a;
  const auto is_all = [&](Expr expr) { return nodes_[expr].op == Op::all_but && nodes_[expr].a == nothing; };
  if (is_all(a)) return b;
  if (is_all(b)) return a;
  return intern({.op = Op::both, .a = std::min(a, b), .b = std::max(a, b)});
}

Expr Pool::all_but(Expr a) {
  if (nodes_[a].op == Op::all_but) return nodes_[a].a;
  return intern({.op = Op::all_but, .a = a});
}

std::size_t Pool::memory() const noexcept {
  return nodes_.capacity() * sizeof(Node) + parts_.capacity() * sizeof(Expr) + sets_.capacity() * sizeof(ByteSet) +
         table_.capacity() * sizeof(Expr);
}

}  // namespace dspy::llama::mask
