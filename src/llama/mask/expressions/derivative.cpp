// What follows a byte, and what an expression can be replaced by: the part of `Pool` that runs while tokens are
// matched.

#include "llama/mask/expressions/expression.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {

Expr Pool::derive(Expr expr, unsigned char byte) {
  merged_.clear();
  derived_.clear();
  return derive_part(expr, byte);
}

Expr Pool::derive_part(Expr expr, unsigned char byte) {
  const Node node = nodes_[expr];  // a copy: the vector grows below
  switch (node.op) {
    case Op::nothing:
    case Op::empty: return nothing;
    case Op::bytes: return sets_[node.a].has(byte) ? empty : nothing;
    case Op::seq: return derived_(expr, [&] { return derive_seq(expr, byte); });
    case Op::alt: return derived_(expr, [&] { return derive_alt(node, byte); });
    case Op::repeat: {
      const auto next = derive_part(node.a, byte);
      if (next == nothing) return nothing;
      const auto min = node.min == 0 ? 0 : node.min - 1;
      return seq(next, repeat(node.a, min, node.max == unbounded ? unbounded : node.max - 1));
    }
    case Op::rule: return derive_part(rules_[node.a].body, byte);
    case Op::dfa: return automaton(node.a, dfas_[node.a].next(node.b, byte));
    case Op::counted: return derive_counted(node, byte);
    case Op::both: {
      const auto next = derive_part(node.a, byte);
      return next == nothing ? nothing : both(next, derive_part(node.b, byte));
    }
    case Op::all_but: return all_but(derive_part(node.a, byte));
  }
  return nothing;
}

/// Mostly one part goes on, and nothing need be made.
class Pool::Alternatives {
 public:
  void add(Expr next) {
    if (next == nothing) return;
    if (only_ == nothing) {
      only_ = next;
      return;
    }
    if (several_.empty()) several_.push_back(only_);
    several_.push_back(next);
  }
  Expr merge(Pool& pool) const { return several_.empty() ? only_ : pool.merge(several_); }

 private:
  Expr only_ = nothing;
  std::vector<Expr> several_;
};

Expr Pool::derive_alt(const Node& node, unsigned char byte) {
  Alternatives next;
  for (std::size_t i = 0; i < node.b; ++i) next.add(derive_part(parts_[node.a + i], byte));
  return next.merge(*this);
}

Expr Pool::derive_seq(Expr expr, unsigned char byte) {
  Alternatives next;
  for (; nodes_[expr].op == Op::seq; expr = nodes_[expr].b) {
    const auto [head, tail] = std::pair(nodes_[expr].a, nodes_[expr].b);
    next.add(seq(derive_part(head, byte), tail));
    if (!nodes_[head].accepts_empty) return next.merge(*this);
  }
  next.add(derive_part(expr, byte));
  return next.merge(*this);
}

Expr Pool::derive_counted(const Node& node, unsigned char byte) {
  const auto& machine = dfas_[node.a];
  const auto next = machine.next(node.b, byte);
  if (next == Dfa::dead) return nothing;
  if (!machine.at_boundary(node.b)) return counted(node.a, next, node.min, node.max);
  if (node.max == 0) return nothing;
  return counted(node.a, next, node.min == 0 ? 0 : node.min - 1, node.max == unbounded ? unbounded : node.max - 1);
}

ByteClasses Pool::classes(Expr expr) const {
  ByteClasses out;
  std::vector<bool> seen(nodes_.size());
  std::vector<bool> seen_dfa(dfas_.size());
  std::vector<Expr> open;
  const auto visit = [&](Expr part) {
    if (seen[part]) return;
    seen[part] = true;
    open.push_back(part);
  };
  visit(expr);
  while (!open.empty()) {
    const auto& node = nodes_[open.back()];
    open.pop_back();
    switch (node.op) {
      case Op::nothing:
      case Op::empty: break;
      case Op::bytes: out.split(sets_[node.a]); break;
      case Op::seq:
      case Op::both:
        visit(node.a);
        visit(node.b);
        break;
      case Op::alt:
        for (const auto part : parts(node)) visit(part);
        break;
      case Op::repeat:
      case Op::all_but: visit(node.a); break;
      case Op::rule: visit(rules_[node.a].body); break;
      case Op::dfa:
      case Op::counted:
        if (seen_dfa[node.a]) break;
        seen_dfa[node.a] = true;
        out.split(dfas_[node.a].classes());
        break;
    }
  }
  return out;
}

Expr Pool::forget_far_bounds(Expr expr, std::uint32_t reach) {
  if (!has_bounds_) return expr;
  merged_.clear();
  forgotten_.clear();
  return forget_part(expr, reach);
}

Expr Pool::forget_part(Expr expr, std::uint32_t reach) {
  const auto op = nodes_[expr].op;
  if (op != Op::alt && op != Op::seq) return forget_in(expr, reach);
  return forgotten_(std::uint64_t{reach} << 32 | expr, [&] { return forget_in(expr, reach); });
}

Expr Pool::forget_in(Expr expr, std::uint32_t reach) {
  const Node node = nodes_[expr];
  switch (node.op) {
    case Op::alt: {
      std::vector<Expr> next;
      next.reserve(node.b);
      for (std::size_t i = 0; i < node.b; ++i) next.push_back(forget_part(parts_[node.a + i], reach));
      return merge(next);
    }
    case Op::repeat: {
      if (node.min > reach) return repeat(node.a, reach + 1);
      return node.max != unbounded && node.max > reach ? repeat(node.a, node.min) : expr;
    }
    case Op::counted: {
      const auto settled = static_cast<std::uint32_t>(dfas_[node.a].settled_length());
      const auto far = reach + settled;
      auto [min, max] = std::pair(node.min, node.max);
      if (max > far && (min <= far || max == unbounded || max - min >= settled)) {
        max = unbounded;
        min = std::min(min, far);
      }
      return counted(node.a, node.b, min, max);
    }
    case Op::seq: {
      // Each byte that must come takes one from the reach.
      std::vector<Expr> heads;
      Expr tail = expr;
      for (; nodes_[tail].op == Op::seq && reach != 0; tail = nodes_[tail].b) {
        const auto head = nodes_[tail].a;
        heads.push_back(forget_part(head, reach));
        if (nodes_[head].op == Op::bytes) --reach;
      }
      if (nodes_[tail].op != Op::seq) tail = forget_part(tail, reach);
      for (auto at = heads.size(); at-- > 0;) tail = seq(heads[at], tail);
      return tail;
    }
    default: return expr;
  }
}

std::optional<Dfa> Pool::determinize(Expr expr, std::size_t limit) {
  const auto byte_classes = classes(expr);
  const auto bytes = byte_classes.representatives();
  const auto step = [&](Expr state, unsigned char byte) -> std::optional<Expr> {
    const auto next = derive(state, byte);
    return next == nothing ? std::nullopt : std::optional(next);
  };
  const auto facts = [&](Expr state) {
    Dfa::Facts out{.accepts = accepts_empty(state)};
    for (unsigned byte = 0x80; byte <= 0xBF && out.at_boundary; ++byte) {
      const auto representative = bytes[byte_classes[static_cast<unsigned char>(byte)]];
      if (representative == byte || byte == 0x80) out.at_boundary = derive(state, representative) == nothing;
    }
    return out;
  };
  if (expr == nothing) return Dfa(byte_classes, std::vector<Dfa::State>(byte_classes.count()), {{}}, Dfa::dead);
  return build_dfa(expr, byte_classes, step, facts, limit);
}

}  // namespace dspy::llama::mask
