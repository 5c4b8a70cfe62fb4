// A grammar, and behind a zero byte a text to match: whatever they are, nothing breaks, and a state that is alive can
// be left.

#include "llama/mask/grammars/gbnf.hpp"

#include "llama/mask/expressions/automaton.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy::llama::mask;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto zero = std::min(input.find('\0'), input.size());
  Pool pool;
  const auto root = parse_gbnf(pool, input.substr(0, zero));
  if (!root) {
    if (root.error().position > zero || root.error().message.empty()) std::abort();
    return 0;
  }
  constexpr std::size_t longest = 64;
  Automaton automaton(std::move(pool), *root);
  auto at = automaton.start();
  for (const char byte : input.substr(std::min(zero + 1, input.size()), longest)) {
    if (!automaton.accepts(at) && !automaton.goes_on(at)) std::abort();
    const auto next = automaton.next(at, static_cast<unsigned char>(byte));
    if (next == Automaton::dead) break;
    at = next;
  }
  return 0;
}
