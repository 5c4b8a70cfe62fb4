#pragma once

#include "llama/mask/expressions/byte_set.hpp"
#include "llama/mask/expressions/expression.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace dspy::llama::mask {

/// The shortest text of an expression, of bytes that can be written; found when first asked for, and kept.  All calls
/// are about the same pool, which may have grown in between.  For one thread at a time.
class Shortest {
 public:
  static constexpr std::uint32_t endless = UINT32_MAX;

  explicit Shortest(const ByteSet& writable);

  /// How many bytes it has; `endless` if none can be written, or it takes too long to tell.
  std::uint32_t bytes(const Pool& pool, Expr expr);
  /// The text, of an expression whose `bytes` are known not to be endless.  Letters and digits where there is a choice.
  std::string text(const Pool& pool, Expr expr);

  std::size_t memory() const noexcept;

 private:
  /// What an automaton wants after each of its states, where so many characters must come still.
  struct Layer {
    std::vector<std::uint32_t> bytes;
    std::vector<std::uint32_t> characters;
  };
  struct End {
    std::uint32_t bytes = endless;
    std::string text = {};
  };

  std::uint32_t find(const Pool& pool, Expr expr);
  std::uint32_t find_seq(const Pool& pool, Expr expr);
  void write(const Pool& pool, Expr expr, std::string& out);
  void settle_rules(const Pool& pool);
  const Layer* layer(const Pool& pool, std::uint32_t dfa, std::uint32_t min);
  std::vector<unsigned char> bytes_of(const Dfa& dfa) const;
  void relax(const Dfa& dfa, Layer& layer, const Layer* fewer, bool at_boundary) const;
  std::string walk(const Dfa& dfa, std::span<const Layer> layers, Dfa::State state, std::uint32_t min) const;
  const End& counted(const Pool& pool, Expr expr);
  End search(const Dfa& dfa, Dfa::State state, std::uint32_t min, std::uint32_t max) const;

  std::vector<unsigned char> order_;  ///< The bytes that can be written, those that read best first.
  std::vector<std::uint32_t> known_;  ///< By expression; `unknown` where not yet.
  std::vector<std::uint32_t> rules_;  ///< By rule.
  bool rules_settled_ = false;
  std::unordered_map<std::uint32_t, std::vector<Layer>> layers_;  ///< By automaton.
  std::unordered_map<Expr, End> counted_;                         ///< Where the limit of characters is in the way.
};

}  // namespace dspy::llama::mask
