// Whether the rules of a `Pool` can be used: each is defined, has texts, and is not its own beginning.

#include "llama/mask/expressions/expression.hpp"

#include <algorithm>

namespace dspy::llama::mask {

std::optional<Pool::Problem> Pool::check_rules() {
  for (const auto& rule : rules_) {
    if (!rule.defined) return Problem{.rule = rule.name, .kind = Problem::Kind::undefined};
  }
  // Parts have smaller numbers than what they are part of, but for the bodies of rules: hence the repetition.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto& node : nodes_) node.accepts_empty = compute_accepts_empty(node);
    for (auto& rule : rules_) {
      const bool now = nodes_[rule.body].accepts_empty;
      changed = changed || now != rule.accepts_empty;
      rule.accepts_empty = now;
    }
  }
  std::vector<bool> texts(nodes_.size());
  std::vector<bool> rule_texts(rules_.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (Expr expr = 0; expr < nodes_.size(); ++expr) texts[expr] = has_texts(nodes_[expr], texts, rule_texts);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      changed = changed || texts[rules_[i].body] != rule_texts[i];
      rule_texts[i] = texts[rules_[i].body];
    }
  }
  const auto endless = std::ranges::find(rule_texts, false);
  if (endless != rule_texts.end()) {
    const auto index = static_cast<std::size_t>(endless - rule_texts.begin());
    return Problem{.rule = rules_[index].name, .kind = Problem::Kind::endless};
  }
  return find_left_recursion();
}

bool Pool::has_texts(const Node& node, const std::vector<bool>& texts, const std::vector<bool>& rules) const noexcept {
  switch (node.op) {
    case Op::nothing: return false;
    case Op::seq: return texts[node.a] && texts[node.b];
    case Op::alt: return std::ranges::any_of(parts(node), [&](Expr part) { return texts[part]; });
    case Op::repeat: return node.min == 0 || texts[node.a];
    case Op::rule: return rules[node.a];
    default: return true;
  }
}

/// The rules that can stand at the very beginning of an expression.
std::vector<std::uint32_t> Pool::leftmost_rules(Expr expr) const {
  std::vector<std::uint32_t> out;
  std::vector<bool> seen(nodes_.size());
  std::vector<Expr> open = {expr};
  while (!open.empty()) {
    const auto part = open.back();
    open.pop_back();
    if (seen[part]) continue;
    seen[part] = true;
    const auto& node = nodes_[part];
    switch (node.op) {
      case Op::seq:
        open.push_back(node.a);
        if (nodes_[node.a].accepts_empty) open.push_back(node.b);
        break;
      case Op::alt: open.insert(open.end(), parts(node).begin(), parts(node).end()); break;
      case Op::repeat: open.push_back(node.a); break;
      case Op::rule: out.push_back(node.a); break;
      default: break;
    }
  }
  return out;
}

std::optional<Pool::Problem> Pool::find_left_recursion() const {
  enum class Mark : std::uint8_t { unseen, open, done };
  struct Visit {
    std::uint32_t rule = 0;
    std::vector<std::uint32_t> next = {};
  };
  std::vector<Mark> marks(rules_.size());
  for (std::uint32_t first = 0; first < rules_.size(); ++first) {
    if (marks[first] != Mark::unseen) continue;
    std::vector<Visit> path;
    const auto enter = [&](std::uint32_t rule) {
      marks[rule] = Mark::open;
      path.push_back({.rule = rule, .next = leftmost_rules(rules_[rule].body)});
    };
    enter(first);
    while (!path.empty()) {
      auto& here = path.back();
      if (here.next.empty()) {
        marks[here.rule] = Mark::done;
        path.pop_back();
        continue;
      }
      const auto next = here.next.back();
      here.next.pop_back();
      if (marks[next] == Mark::open) return Problem{.rule = rules_[next].name, .kind = Problem::Kind::left_recursion};
      if (marks[next] == Mark::unseen) enter(next);
    }
  }
  return std::nullopt;
}

}  // namespace dspy::llama::mask
