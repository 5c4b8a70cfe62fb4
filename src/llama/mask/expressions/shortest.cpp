#include "llama/mask/expressions/shortest.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::mask {
namespace {

constexpr auto endless = Shortest::endless;
constexpr std::uint32_t unknown = endless - 1;
/// Cells of tables, and steps of a search, before no shortest text is found.
constexpr std::size_t most_work = 20'000'000;

constexpr std::uint32_t plus(std::uint64_t a, std::uint64_t b) noexcept {
  return a == endless || b == endless || a + b >= unknown ? endless : static_cast<std::uint32_t>(a + b);
}

constexpr std::uint32_t times(std::uint64_t count, std::uint64_t each) noexcept {
  if (count == 0) return 0;
  return each == endless || count * each >= unknown ? endless : static_cast<std::uint32_t>(count * each);
}

}  // namespace

Shortest::Shortest(const ByteSet& writable) {
  const auto add = [&](unsigned first, unsigned last) {
    for (auto byte = first; byte <= last; ++byte) {
      const auto one = static_cast<unsigned char>(byte);
      if (writable.has(one) && !std::ranges::contains(order_, one)) order_.push_back(one);
    }
  };
  add('a', 'z');
  add('0', '9');
  add('A', 'Z');
  add(' ', '~');
  add(0, 255);
}

std::uint32_t Shortest::bytes(const Pool& pool, Expr expr) {
  if (!rules_settled_) settle_rules(pool);
  return find(pool, expr);
}

/// Rules may stand in each other: what each needs is lowered until nothing changes.  Mostly rules stand in those before
/// them, so the last come first.
void Shortest::settle_rules(const Pool& pool) {
  rules_settled_ = true;
  rules_.assign(pool.rules_.size(), endless);
  for (bool changed = !rules_.empty(); changed;) {
    changed = false;
    known_.clear();
    for (auto i = rules_.size(); i-- > 0;) {
      const auto found = find(pool, pool.rules_[i].body);
      changed = changed || found < rules_[i];
      rules_[i] = std::min(rules_[i], found);
    }
  }
  known_.clear();
}

std::uint32_t Shortest::find(const Pool& pool, Expr expr) {
  if (known_.size() <= expr) known_.resize(pool.nodes_.size(), unknown);
  if (known_[expr] != unknown) return known_[expr];
  const auto& node = pool.nodes_[expr];
  std::uint32_t out = endless;
  switch (node.op) {
    case Pool::Op::empty: out = 0; break;
    case Pool::Op::bytes:
      if (std::ranges::any_of(order_, [&](unsigned char byte) { return pool.sets_[node.a].has(byte); })) out = 1;
      break;
    case Pool::Op::seq: return find_seq(pool, expr);
    case Pool::Op::alt:
      for (const auto part : pool.parts(node)) out = std::min(out, find(pool, part));
      break;
    case Pool::Op::repeat: out = node.min == 0 ? 0 : times(node.min, find(pool, node.a)); break;
    case Pool::Op::rule: out = rules_[node.a]; break;
    case Pool::Op::dfa: out = layer(pool, node.a, 0)->bytes[node.b]; break;
    case Pool::Op::counted: out = counted(pool, expr).bytes; break;
    case Pool::Op::nothing:
    case Pool::Op::both:
    case Pool::Op::all_but: break;
  }
  return known_[expr] = out;
}

/// From the end on: sequences are as long as replies are.
std::uint32_t Shortest::find_seq(const Pool& pool, Expr expr) {
  std::vector<Expr> open;
  while (pool.nodes_[expr].op == Pool::Op::seq && known_[expr] == unknown) {
    open.push_back(expr);
    expr = pool.nodes_[expr].b;
  }
  auto out = find(pool, expr);
  for (; !open.empty(); open.pop_back()) {
    out = plus(find(pool, pool.nodes_[open.back()].a), out);
    known_[open.back()] = out;
  }
  return out;
}

std::string Shortest::text(const Pool& pool, Expr expr) {
  std::string out;
  if (bytes(pool, expr) != endless) write(pool, expr, out);
  return out;
}

void Shortest::write(const Pool& pool, Expr expr, std::string& out) {
  for (; pool.nodes_[expr].op == Pool::Op::seq; expr = pool.nodes_[expr].b) write(pool, pool.nodes_[expr].a, out);
  const auto& node = pool.nodes_[expr];
  switch (node.op) {
    case Pool::Op::bytes:
      out += static_cast<char>(
          *std::ranges::find_if(order_, [&](unsigned char byte) { return pool.sets_[node.a].has(byte); }));
      break;
    case Pool::Op::alt:
      return write(pool, *std::ranges::min_element(pool.parts(node), {}, [&](Expr part) { return find(pool, part); }),
                   out);
    case Pool::Op::repeat: {
      if (node.min == 0) break;
      std::string once;
      write(pool, node.a, once);
      for (std::uint32_t i = 0; i < node.min; ++i) out += once;
      break;
    }
    case Pool::Op::rule: return write(pool, pool.rules_[node.a].body, out);
    case Pool::Op::dfa: out += walk(pool.dfas_[node.a], {layer(pool, node.a, 0), 1}, node.b, 0); break;
    case Pool::Op::counted: out += counted(pool, expr).text; break;
    default: break;
  }
}

/// Of bytes that the automaton does not tell apart, the one that reads best.
std::vector<unsigned char> Shortest::bytes_of(const Dfa& dfa) const {
  std::vector<unsigned char> out;
  std::vector<bool> seen(dfa.classes().count());
  for (const auto byte : order_) {
    const auto byte_class = dfa.classes()[byte];
    if (!seen[byte_class]) out.push_back(byte);
    seen[byte_class] = true;
  }
  return out;
}

/// Lowers what the states at a boundary, or those inside of characters, need by where they lead.  Of `layer`, or, for
/// states at a boundary, of the layer with one character fewer.
void Shortest::relax(const Dfa& dfa, Layer& layer, const Layer* fewer, bool at_boundary) const {
  const auto bytes = bytes_of(dfa);
  for (bool changed = true; changed;) {
    changed = false;
    for (Dfa::State state = 1; state < dfa.size(); ++state) {
      if (dfa.at_boundary(state) != at_boundary) continue;
      for (const auto byte : bytes) {
        const auto to = dfa.next(state, byte);
        if (to == Dfa::dead) continue;
        const auto& from = fewer != nullptr ? *fewer : layer;
        const auto need = plus(from.bytes[to], 1);
        const auto count = plus(from.characters[to], at_boundary ? 1 : 0);
        auto& known = layer.bytes[state];
        if (need > known || need == endless || (need == known && count >= layer.characters[state])) continue;
        known = need;
        layer.characters[state] = count;
        changed = fewer == nullptr;
      }
    }
  }
}

/// Null if it takes too much.
const Shortest::Layer* Shortest::layer(const Pool& pool, std::uint32_t dfa_index, std::uint32_t min) {
  const auto& dfa = pool.dfas_[dfa_index];
  auto& layers = layers_[dfa_index];
  if (std::uint64_t{min} * dfa.size() > most_work) return nullptr;
  while (layers.size() <= min) {
    Layer next{.bytes = std::vector(dfa.size(), endless), .characters = std::vector(dfa.size(), endless)};
    if (layers.empty()) {
      for (Dfa::State state = 1; state < dfa.size(); ++state) {
        if (dfa.accepts(state)) next.bytes[state] = next.characters[state] = 0;
      }
      for (std::vector<std::uint32_t> before; before != next.bytes;) {
        before = next.bytes;
        relax(dfa, next, nullptr, true);
        relax(dfa, next, nullptr, false);
      }
    } else {
      relax(dfa, next, &layers.back(), true);
      relax(dfa, next, nullptr, false);
    }
    layers.push_back(std::move(next));
  }
  return &layers[min];
}

std::string Shortest::walk(const Dfa& dfa, std::span<const Layer> layers, Dfa::State state, std::uint32_t min) const {
  std::string out;
  while (layers[min].bytes[state] != 0) {
    const auto fewer = dfa.at_boundary(state) && min != 0 ? min - 1 : min;
    const auto& [bytes, characters] = layers[min];
    const auto next = std::ranges::find_if(order_, [&](unsigned char byte) {
      const auto to = dfa.next(state, byte);
      return to != Dfa::dead && plus(layers[fewer].bytes[to], 1) == bytes[state] &&
             plus(layers[fewer].characters[to], dfa.at_boundary(state) ? 1 : 0) == characters[state];
    });
    if (next == order_.end()) break;
    out += static_cast<char>(*next);
    state = dfa.next(state, *next);
    min = fewer;
  }
  return out;
}

const Shortest::End& Shortest::counted(const Pool& pool, Expr expr) {
  const auto [found, is_new] = counted_.try_emplace(expr);
  auto& end = found->second;
  if (!is_new) return end;
  const auto& node = pool.nodes_[expr];
  const auto& dfa = pool.dfas_[node.a];
  const auto* const last = layer(pool, node.a, node.min);
  if (last == nullptr || last->bytes[node.b] == endless) return end;
  if (last->characters[node.b] <= node.max) {
    end.bytes = last->bytes[node.b];
    end.text = walk(dfa, layers_.at(node.a), node.b, node.min);
  } else {
    end = search(dfa, node.b, node.min, node.max);
  }
  return end;
}

/// Byte by byte, all texts at once.
Shortest::End Shortest::search(const Dfa& dfa, Dfa::State start, std::uint32_t min, std::uint32_t max) const {
  struct Place {
    Dfa::State state;
    std::uint32_t characters;
    std::size_t before;
    unsigned char byte;
  };
  const auto bytes = bytes_of(dfa);
  std::vector<Place> places = {{start, 0, 0, 0}};
  std::unordered_map<std::uint64_t, bool> seen;
  for (std::size_t at = 0; at < places.size() && places.size() * bytes.size() < most_work; ++at) {
    const auto here = places[at];
    if (here.characters >= min && dfa.accepts(here.state)) {
      std::string text;
      for (auto i = at; i != 0; i = places[i].before) text += static_cast<char>(places[i].byte);
      std::ranges::reverse(text);
      return {.bytes = static_cast<std::uint32_t>(text.size()), .text = std::move(text)};
    }
    const auto characters = here.characters + (dfa.at_boundary(here.state) ? 1 : 0);
    if (characters > max) continue;
    for (const auto byte : bytes) {
      const auto to = dfa.next(here.state, byte);
      if (to == Dfa::dead || !seen.try_emplace(std::uint64_t{characters} << 32 | to).second) continue;
      places.push_back({to, characters, at, byte});
    }
  }
  return {};
}

std::size_t Shortest::memory() const noexcept {
  auto out = known_.capacity() * sizeof(std::uint32_t);
  for (const auto& [unused, layers] : layers_) {
    for (const auto& layer : layers) out += 2 * layer.bytes.capacity() * sizeof(std::uint32_t);
  }
  for (const auto& [unused, end] : counted_) out += 64 + end.text.capacity();
  return out;
}

}  // namespace dspy::llama::mask
