#pragma once

#include "llama/mask/expressions/byte_set.hpp"
#include "llama/mask/expressions/dfa.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dspy::llama::mask {

/// An expression in a `Pool`: a set of byte strings.
using Expr = std::uint32_t;

/// Expressions over bytes, each stored once, so that equal ones have equal numbers; and their derivatives.
///
/// The derivative of an expression by a byte is the expression for what may follow that byte (Brzozowski 1964).  An
/// expression is thereby the whole state of a match: what a pushdown automaton keeps on its stack is the tail of a
/// sequence here, and what a counter holds is the bound of a repetition.  States are cheap to copy and to go back to,
/// and no count is ever unrolled.
///
/// No expression but `nothing` is empty of texts, so that a state is alive exactly if it is not `nothing`.
class Pool {
 public:
  static constexpr Expr nothing = 0;  ///< No text at all.
  static constexpr Expr empty = 1;    ///< The text without a byte.
  static constexpr std::uint32_t unbounded = UINT32_MAX;

  Pool();

  Expr bytes(const ByteSet& set);
  Expr literal(std::string_view text);
  Expr seq(Expr head, Expr tail);
  Expr seq(std::initializer_list<Expr> parts);
  Expr alt(const std::vector<Expr>& parts);
  Expr optional(Expr part) { return alt({part, empty}); }
  Expr repeat(Expr body, std::uint32_t min, std::uint32_t max = unbounded);
  Expr star(Expr body) { return repeat(body, 0); }

  /// A name for an expression that `define` gives later, so that it can stand in itself.
  Expr rule(std::string name);
  void define(Expr rule, Expr body);

  /// An automaton; with limits, those of its texts that have so many characters (`Dfa::settle_lengths` was true).
  std::uint32_t add(Dfa dfa);
  Expr automaton(std::uint32_t dfa) { return automaton(dfa, dfas_[dfa].start()); }
  Expr automaton(std::uint32_t dfa, std::size_t min, std::size_t max);

  /// Only for what `determinize` is given: the texts of both, and all texts but those of one.
  Expr both(Expr a, Expr b);
  Expr all_but(Expr a);

  /// Why rules cannot be used.
  struct Problem {
    std::string rule = {};
    enum class Kind { left_recursion, endless, undefined } kind = Kind::undefined;
  };
  /// To be called once all rules are defined, and before `accepts_empty` and `derive`.
  std::optional<Problem> check_rules();

  bool accepts_empty(Expr expr) const noexcept { return nodes_[expr].accepts_empty; }
  Expr derive(Expr expr, unsigned char byte);
  /// Bytes that lead from `expr`, and all that follows it, to the same.
  ByteClasses classes(Expr expr) const;
  /// An expression that allows the same next `reach` bytes; those with far off bounds become one.
  Expr forget_far_bounds(Expr expr, std::uint32_t reach);

  /// The automaton of an expression without rules.  Nothing if it has more than `limit` states.
  std::optional<Dfa> determinize(Expr expr, std::size_t limit = Dfa::default_limit);

  std::size_t size() const noexcept { return nodes_.size(); }
  std::size_t memory() const noexcept;

 private:
  friend class Shortest;
  enum class Op : std::uint8_t { nothing, empty, bytes, seq, alt, repeat, rule, dfa, counted, both, all_but };

  struct Node {
    Op op = Op::nothing;
    bool accepts_empty = false;
    std::uint32_t a = 0;  ///< seq, both: the first part; repeat, all_but: the part; alt: where its parts begin;
                          ///< bytes: the set; rule; dfa, counted: the automaton.
    std::uint32_t b = 0;  ///< seq, both: the second part; alt: how many parts; dfa, counted: the state.
    std::uint32_t min = 0;
    std::uint32_t max = 0;

    bool operator==(const Node&) const = default;
  };

  struct Rule {
    std::string name = {};
    Expr body = nothing;
    bool defined = false;
    bool accepts_empty = false;
  };

  /// What was found for some `Key`, of which expressions that share parts lead to the same over and over: as often as
  /// there are paths to it.  Most searches end before anything is kept.
  template <class Key, class Hash = std::hash<Key>>
  class Found {
   public:
    void clear() {
      asked_ = 0;
      known_.clear();
    }
    Expr operator()(const Key& key, auto&& find) {
      constexpr std::size_t few = 64;
      if (++asked_ <= few) return find();
      if (const auto known = known_.find(key); known != known_.end()) return known->second;
      const auto found = find();
      known_.emplace(key, found);
      return found;
    }

   private:
    std::size_t asked_ = 0;
    std::unordered_map<Key, Expr, Hash> known_;
  };
  class Alternatives;
  struct HashParts {
    std::size_t operator()(const std::vector<Expr>& parts) const noexcept;
  };

  Expr intern(Node node);
  std::size_t hash(const Node& node) const noexcept;
  bool same(const Node& a, const Node& b) const noexcept;
  void grow_table();
  Expr merge(const std::vector<Expr>& parts);
  bool share_heads(std::vector<Expr>& parts);
  bool compute_accepts_empty(const Node& node) const noexcept;
  bool has_texts(const Node& node, const std::vector<bool>& texts, const std::vector<bool>& rules) const noexcept;
  std::optional<Problem> find_left_recursion() const;
  std::vector<std::uint32_t> leftmost_rules(Expr expr) const;
  Expr automaton(std::uint32_t dfa, Dfa::State state);
  Expr counted(std::uint32_t dfa, Dfa::State state, std::uint32_t min, std::uint32_t max);
  std::span<const Expr> parts(const Node& node) const noexcept { return std::span(parts_).subspan(node.a, node.b); }
  Expr derive_part(Expr expr, unsigned char byte);
  Expr derive_alt(const Node& node, unsigned char byte);
  Expr derive_seq(Expr expr, unsigned char byte);
  Expr derive_counted(const Node& node, unsigned char byte);
  Expr forget_part(Expr expr, std::uint32_t reach);
  Expr forget_in(Expr expr, std::uint32_t reach);

  std::vector<Node> nodes_;
  std::vector<Expr> parts_;
  std::vector<ByteSet> sets_;
  std::vector<Dfa> dfas_;
  std::vector<Rule> rules_;
  std::vector<Expr> table_;  ///< Open addressing; `nothing` marks a free slot.
  bool has_bounds_ = false;
  Found<std::vector<Expr>, HashParts> merged_;  ///< By the call of `alt` or `derive` that goes on.
  Found<Expr> derived_;                         ///< By that of `derive`.
  Found<std::uint64_t> forgotten_;              ///< By that of `forget_far_bounds`; keys are expression and reach.
};

}  // namespace dspy::llama::mask
