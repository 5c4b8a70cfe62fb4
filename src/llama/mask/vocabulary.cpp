#include "llama/mask/vocabulary.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

struct Sort {
  std::size_t kind = character_kinds;  ///< Of `Characters`, or none.
  std::size_t characters = 0;
};

/// Which slice a token belongs to.
Sort sort_of(std::string_view piece) noexcept {
  Sort out{.kind = 0};
  bool ascii = true;
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) out.kind = std::max(out.kind, kind_of(byte));
    if (byte < 0x80 || byte >= 0xC0) ++out.characters;
    ascii = ascii && byte < 0x80;
  }
  if (out.characters > Vocabulary::longest_in_slice || (!ascii && text::invalid_utf8(piece))) return {};
  return out;
}

void set_bit(TokenBits& bits, Token token) noexcept {
  const auto at = static_cast<std::size_t>(token);
  bits[at / 64] |= std::uint64_t{1} << (at % 64);
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> pieces, std::vector<Token> ends, Tokenizer tokenizer,
                       FirstBlank first_blank)
    : pieces_(std::move(pieces)), ends_(std::move(ends)), tokenizer_(std::move(tokenizer)), first_blank_(first_blank) {
  for (const auto& piece : pieces_) longest_ = std::max(longest_, piece.size());
  if (longest_ > UINT16_MAX)
    throw Error(Errc::invalid_parameter,
                std::format("a token of {} bytes is longer than masks can hold ({})", longest_, UINT16_MAX));
  for (const auto end : ends_) {
    if (!contains(end))
      throw Error(Errc::invalid_parameter,
                  std::format("token {} is to end replies, but the vocabulary has {} tokens", end, size()));
  }
  std::ranges::sort(ends_);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].size() == 1 && !is_end(static_cast<Token>(i)))
      writable_.add(static_cast<unsigned char>(pieces_[i][0]));
  }
  fill_slices(sorted_tokens());
}

bool Vocabulary::is_end(Token token) const noexcept {
  return std::ranges::binary_search(ends_, token);
}

/// All tokens with bytes that do not end replies, by their bytes.
std::vector<Token> Vocabulary::sorted_tokens() const {
  // The first bytes decide nearly always, and comparing those as a number touches no string.
  struct Key {
    std::uint64_t first = 0;
    Token token = 0;
  };
  std::vector<Key> keys;
  keys.reserve(pieces_.size());
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto& piece = pieces_[i];
    const auto token = static_cast<Token>(i);
    if (piece.empty() || is_end(token)) continue;
    std::uint64_t first = 0;
    for (std::size_t byte = 0; byte < 8; ++byte)
      first = first << 8 | (byte < piece.size() ? static_cast<unsigned char>(piece[byte]) : 0u);
    keys.push_back({first, token});
  }
  const auto text = [&](const Key& key) -> std::string_view { return piece(key.token); };
  std::ranges::sort(keys, [&](const Key& a, const Key& b) {
    if (a.first != b.first) return a.first < b.first;
    const auto order = text(a) <=> text(b);
    return order != 0 ? order < 0 : a.token < b.token;
  });

  std::vector<Token> out;
  out.reserve(keys.size());
  for (const auto& key : keys) out.push_back(key.token);
  return out;
}

void Vocabulary::fill_slices(std::span<const Token> sorted) {
  const TokenBits none((pieces_.size() + 63) / 64);
  std::array<std::vector<Token>, character_kinds + 1> parts;
  for (auto& slice : slices_) slice.bits.assign(longest_in_slice + 1, none);
  for (const auto token : sorted) {
    const auto [kind, characters] = sort_of(piece(token));
    parts[kind].push_back(token);
    if (kind < character_kinds) set_bit(slices_[kind].bits[characters], token);
  }
  for (std::size_t kind = 0; kind < character_kinds; ++kind) {
    auto& bits = slices_[kind].bits;
    for (std::size_t n = 0; n <= longest_in_slice; ++n) {
      for (std::size_t i = 0; i < none.size(); ++i) {
        if (n != 0) bits[n][i] |= bits[n - 1][i];
        if (kind != 0) bits[n][i] |= slices_[kind - 1].bits[n][i];
      }
    }
    slices_[kind].trie = Trie(pieces_, std::move(parts[kind]));
  }
  rest_ = Trie(pieces_, std::move(parts[character_kinds]));
}

std::vector<Token> Vocabulary::tokenize(std::string_view text) const {
  std::vector<Token> out;
  if (tokenizer_) {
    out = tokenizer_(text);
    auto rest = text;
    const bool fits = std::ranges::all_of(out, [&](Token token) {
      if (!contains(token) || is_end(token) || piece(token).empty() || !rest.starts_with(piece(token))) return false;
      rest.remove_prefix(piece(token).size());
      return true;
    });
    if (fits && rest.empty()) return out;
    out.clear();
  }
  while (!text.empty()) {
    const auto token = longest_token(text);
    if (token < 0) return {};
    out.push_back(token);
    text.remove_prefix(piece(token).size());
  }
  return out;
}

std::vector<Token> Vocabulary::fewest_tokens(std::string_view text) const {
  struct Step {
    std::size_t count = SIZE_MAX;
    Token token = -1;
  };
  std::vector<Step> from(text.size() + 1);
  from.back().count = 0;
  for (auto at = text.size(); at-- > 0;) {
    const auto try_token = [&](std::size_t end, std::span<const Token> tokens) {
      // Of equals, the longer first token.
      if (tokens.empty() || from[end].count == SIZE_MAX || from[end].count + 1 > from[at].count) return;
      from[at] = {.count = from[end].count + 1, .token = tokens[0]};
    };
    for_each_trie([&](const Trie& trie) {
      auto range = trie.starting_with(static_cast<unsigned char>(text[at]));
      auto node = range.first;
      for (auto end = at + 1; !range.empty() && node != range.last; ++end) {
        try_token(end, trie.tokens_at(node));
        if (end == text.size()) break;
        range = trie.below(node);
        node = trie.find(range, static_cast<unsigned char>(text[end]));
      }
    });
  }
  std::vector<Token> out;
  for (std::size_t at = 0; at < text.size(); at += piece(from[at].token).size()) {
    if (from[at].token < 0) return {};
    out.push_back(from[at].token);
  }
  return out;
}

/// The longest token that the text begins with, or -1.
Token Vocabulary::longest_token(std::string_view text) const noexcept {
  Token best = -1;
  std::size_t size = 0;
  for_each_trie([&](const Trie& trie) {
    auto range = trie.all();
    for (std::size_t depth = 0; depth < text.size(); ++depth) {
      const auto node = trie.find(range, static_cast<unsigned char>(text[depth]));
      if (node == range.last) break;
      if (const auto tokens = trie.tokens_at(node); !tokens.empty() && depth + 1 > size) {
        best = tokens[0];
        size = depth + 1;
      }
      range = trie.below(node);
    }
  });
  return best;
}

std::size_t Vocabulary::memory() const noexcept {
  auto out = pieces_.capacity() * sizeof(std::string);
  for_each_trie([&](const Trie& trie) { out += trie.nodes().capacity() * sizeof(Trie::Node); });
  for (const auto& slice : slices_) out += slice.bits.size() * slice.bits[0].size() * sizeof(std::uint64_t);
  return out;
}

}  // namespace dspy::llama::mask
