#include "llama/mask/grammars/tools.hpp"

#include "llama/mask/expressions/characters.hpp"
#include "llama/mask/grammars/tool_arguments.hpp"

#include <cstdint>
#include <vector>

namespace dspy::llama::mask {
namespace {

constexpr std::uint32_t most_calls = 16;
constexpr std::uint32_t most_digits = 3;  ///< Of a call's number.

Expr call_of(Grammar& grammar, const ToolContract& contract) {
  auto& pool = grammar.pool;
  const auto& format = contract.format;
  std::vector<Expr> calls;
  calls.reserve(contract.tools.size());
  const auto digits = static_cast<std::uint32_t>(format.id_size);
  const auto number = digits == 0 ? pool.repeat(one_of(pool, {{'0', '9'}}), 1, most_digits)
                                  : pool.repeat(one_of(pool, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}), digits, digits);
  for (const auto& tool : contract.tools) {
    const auto head = format.head(tool.name);
    calls.push_back(
        pool.seq({pool.literal(head.first), head.has_number ? number : Pool::empty, pool.literal(head.second),
                  arguments_of(grammar, tool, format), pool.literal(format.tail())}));
  }
  return pool.alt(calls);
}

/// Text in which no call begins.
Expr text_before(Pool& pool, const ToolFormat& format) {
  if (format.marker().empty()) {  // a call begins with a brace, and nothing stands before it
    CharSet first = {{'{', '{'}, {' ', ' '}, {'\t', '\t'}, {'\r', '\r'}, {'\n', '\n'}};
    return pool.optional(pool.seq(one_of(pool, first.complement()), pool.star(one_of(pool, CharSet::all()))));
  }
  return text_without(pool, format.marker());
}

}  // namespace

Expr with_tool_calls(Grammar& grammar, bool is_any_text, const ToolContract& contract) {
  auto& pool = grammar.pool;
  const auto call = call_of(grammar, contract);
  const bool several = contract.several && contract.format.several;
  const auto& format = contract.format;
  const auto more =
      several ? pool.repeat(pool.seq(pool.literal(format.between), call), 0, most_calls - 1) : Pool::empty;
  const auto calls = pool.seq({pool.literal(format.opening), call, more, pool.literal(format.closing)});
  if (contract.required) return calls;
  const auto mark = pool.literal(format.text_mark);
  if (!is_any_text) return pool.alt({pool.seq(mark, grammar.start), calls});
  const auto text = text_before(pool, format);
  if (!format.text_mark.empty()) return pool.alt({pool.seq({mark, text, pool.optional(calls)}), calls});
  if (format.marker().empty()) return pool.alt({text, calls});
  return pool.seq(text, pool.optional(calls));
}

}  // namespace dspy::llama::mask
