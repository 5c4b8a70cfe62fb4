#pragma once

#include "llama/mask/contract.hpp"
#include "llama/mask/expressions/automaton.hpp"

#include <string_view>
#include <utility>

namespace dspy::test {

/// Whether an expression holds all of a text.
inline bool accepts(llama::mask::Pool pool, llama::mask::Expr expr, std::string_view text) {
  llama::mask::Automaton automaton(std::move(pool), expr);
  auto at = automaton.start();
  for (const char byte : text) at = automaton.next(at, static_cast<unsigned char>(byte));
  return automaton.accepts(at);
}

inline bool accepts(const llama::mask::Grammar& grammar, std::string_view text) {
  return accepts(grammar.pool, grammar.start, text);
}

}  // namespace dspy::test
