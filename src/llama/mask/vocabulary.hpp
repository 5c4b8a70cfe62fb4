#pragma once

#include "llama/mask/expressions/byte_set.hpp"
#include "llama/mask/expressions/character_kinds.hpp"
#include "llama/mask/trie.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::mask {

/// A set of tokens, a bit each.
using TokenBits = std::vector<std::uint64_t>;

/// What masks need of a model's tokenizer, worked out once for all contracts.  Immutable: any number of threads.
///
/// Whether the tokenizer is a byte-level BPE or SentencePiece does not matter here: each token stands for bytes, as
/// `RuntimeModel::piece` gives them (byte tokens as their byte, `▁` as a blank).
class Vocabulary {
 public:
  /// The tokens of a text in the middle of a reply: no special tokens, nothing added.
  using Tokenizer = std::function<std::vector<Token>(std::string_view text)>;

  /// Whether a blank at the start of a reply is the tokenizer's own, and no part of the text.
  enum class FirstBlank { belongs, dropped };

  /// `pieces` are the bytes of each token; empty for control tokens, which no mask allows.  `ends` are the tokens that
  /// end a reply.  `tokenizer` writes forced text as the model is used to see it; without one, the longest tokens that
  /// fit are taken.  Throws `Error` (`invalid_parameter`) for a piece of 64 KiB or more, or an end outside of `pieces`.
  Vocabulary(std::vector<std::string> pieces, std::vector<Token> ends, Tokenizer tokenizer = {},
             FirstBlank first_blank = FirstBlank::belongs);

  std::size_t size() const noexcept { return pieces_.size(); }
  std::string_view piece(Token token) const noexcept { return pieces_[static_cast<std::size_t>(token)]; }
  bool contains(Token token) const noexcept { return token >= 0 && static_cast<std::size_t>(token) < pieces_.size(); }
  bool is_end(Token token) const noexcept;
  std::span<const Token> ends() const noexcept { return ends_; }
  FirstBlank first_blank() const noexcept { return first_blank_; }
  /// The most bytes of a token.
  std::size_t longest() const noexcept { return longest_; }

  /// The bytes that have a token of their own.
  const ByteSet& writable() const noexcept { return writable_; }
  /// As few tokens as possible whose joined pieces are `text`; nothing if there are none.
  std::vector<Token> fewest_tokens(std::string_view text) const;

  /// Tokens whose joined pieces are `text`; nothing if there are none.
  std::vector<Token> tokenize(std::string_view text) const;

  /// The tokens that are whole characters, which a state may allow all at once.
  struct Slice {
    std::vector<TokenBits> bits;  ///< At n: the tokens of this kind and those before it with at most n characters.
    Trie trie;                    ///< The tokens of this kind that are of none before it.
  };
  /// Tokens of more characters than this are in no slice.
  static constexpr std::size_t longest_in_slice = 32;

  const Slice& slice(Characters characters) const noexcept { return slices_[static_cast<std::size_t>(characters)]; }
  /// All other tokens.
  const Trie& rest() const noexcept { return rest_; }

  template <class F>
  void for_each_trie(F&& visit) const {
    for (const auto& slice : slices_) visit(slice.trie);
    visit(rest_);
  }

  std::size_t memory() const noexcept;

 private:
  std::vector<Token> sorted_tokens() const;
  Token longest_token(std::string_view text) const noexcept;
  void fill_slices(std::span<const Token> sorted);

  std::vector<std::string> pieces_;
  std::vector<Token> ends_;
  Tokenizer tokenizer_;
  FirstBlank first_blank_;
  std::size_t longest_ = 0;
  ByteSet writable_;
  std::array<Slice, character_kinds> slices_;
  Trie rest_;
};

}  // namespace dspy::llama::mask
