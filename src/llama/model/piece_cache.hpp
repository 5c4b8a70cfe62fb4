#pragma once

#include "dspy/llama/model.hpp"

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dspy::llama {

/// Remembers the tokens of a prompt's pieces, the texts between two control tokens.  Instructions and demonstrations
/// are the same in many prompts, and a piece has the same tokens wherever it stands.  Thread-safe.
class PieceCache {
 public:
  using Tokenize = std::function<std::vector<Token>(std::string_view text)>;

  /// `bytes` limits all texts and tokens together; the least recently used pieces are dropped.
  explicit PieceCache(std::size_t bytes = std::size_t{8} << 20) : most_bytes_(bytes) {}

  /// Appends the tokens of `text`.  `tokenize` is called if they are not known, possibly by several threads at once.
  void append(std::vector<Token>& tokens, std::string_view text, bool control, const Tokenize& tokenize);

  std::size_t bytes() const;

 private:
  struct Piece {
    std::string key;
    std::shared_ptr<const std::vector<Token>> tokens;
  };

  static std::size_t size_of(const Piece& piece) noexcept;
  std::shared_ptr<const std::vector<Token>> find(std::string_view key);
  void keep(Piece piece);

  std::size_t most_bytes_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::list<Piece> pieces_;  ///< Most recently used first.
  std::unordered_map<std::string_view, std::list<Piece>::iterator> places_;
};

}  // namespace dspy::llama
