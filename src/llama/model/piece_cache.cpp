#include "llama/model/piece_cache.hpp"

#include <utility>

namespace dspy::llama {

std::size_t PieceCache::size_of(const Piece& piece) noexcept {
  constexpr std::size_t overhead = 160;  // of the list, the table and the shared vector, about
  return piece.key.size() + piece.tokens->size() * sizeof(Token) + overhead;
}

std::shared_ptr<const std::vector<Token>> PieceCache::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  pieces_.splice(pieces_.begin(), pieces_, place->second);
  return place->second->tokens;
}

void PieceCache::keep(Piece piece) {
  const std::lock_guard lock(mutex_);
  if (size_of(piece) > most_bytes_ / 4 || places_.contains(piece.key)) return;
  bytes_ += size_of(piece);
  pieces_.push_front(std::move(piece));
  places_.emplace(pieces_.front().key, pieces_.begin());
  while (bytes_ > most_bytes_) {
    bytes_ -= size_of(pieces_.back());
    places_.erase(pieces_.back().key);
    pieces_.pop_back();
  }
}

void PieceCache::append(std::vector<Token>& tokens, std::string_view text, bool control, const Tokenize& tokenize) {
  std::string key(1, control ? 'c' : 't');
  key += text;
  auto known = find(key);
  if (!known) {
    known = std::make_shared<const std::vector<Token>>(tokenize(text));
    keep({.key = std::move(key), .tokens = known});
  }
  tokens.insert(tokens.end(), known->begin(), known->end());
}

std::size_t PieceCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace dspy::llama
