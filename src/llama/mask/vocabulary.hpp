#pragma once

#include "llama/mask/trie.hpp"

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

  /// `pieces` are the bytes of each token; empty for control tokens, which no mask allows.  `ends` are the tokens that
  /// end a reply.  `tokenizer` writes forced text as the model is used to see it; without one, the longest tokens that
  /// fit are taken.  Throws `Error` (`invalid_parameter`) for a piece of 64 KiB or more, or an end outside of `pieces`.
  Vocabulary(std::vector<std::string> pieces, std::vector<Token> ends, Tokenizer tokenizer = {});

  std::size_t size() const noexcept { return pieces_.size(); }
  std::string_view piece(Token token) const noexcept { return pieces_[static_cast<std::size_t>(token)]; }
  bool contains(Token token) const noexcept { return token >= 0 && static_cast<std::size_t>(token) < pieces_.size(); }
  bool is_end(Token token) const noexcept;
  std::span<const Token> ends() const noexcept { return ends_; }
  /// The most bytes of a token.
  std::size_t longest() const noexcept { return longest_; }

  /// Tokens whose joined pieces are `text`; nothing if there are none.
  std::vector<Token> tokenize(std::string_view text) const;

  /// The tokens that are whole characters of a kind, which a state allows all at once or not at all.
  struct Slice {
    std::vector<TokenBits> bits;  ///< At n: those of at most n characters.
    Trie tokens;
    Trie rest;  ///< All tokens that are not in the slice.
  };
  /// Tokens of more characters than this are in no slice.
  static constexpr std::size_t longest_in_slice = 32;

  /// Characters that a JSON string holds as they are.  Its `tokens` are not kept.
  const Slice& plain() const noexcept { return plain_; }
  /// Those, quotes and backslashes.
  const Slice& printable() const noexcept { return printable_; }

  std::size_t memory() const noexcept;

 private:
  std::vector<Token> sorted_tokens() const;
  Token longest_token(std::string_view text) const noexcept;
  void slice(std::span<const Token> sorted);

  std::vector<std::string> pieces_;
  std::vector<Token> ends_;
  Tokenizer tokenizer_;
  std::size_t longest_ = 0;
  Slice plain_;
  Slice printable_;
};

}  // namespace dspy::llama::mask
