#pragma once

#include "llama/jinja/parsing/lexer.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {

/// Where a parser is in a template's tokens.
class Cursor {
 public:
  explicit Cursor(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const noexcept { return tokens_[at_]; }
  const Token& ahead(std::size_t count = 1) const noexcept {
    return at_ + count < tokens_.size() ? tokens_[at_ + count] : tokens_.back();
  }
  /// The token here; goes on to the next.
  const Token& take() noexcept { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_.back(); }
  bool take_sign(std::string_view sign) noexcept { return now().is_sign(sign) && (take(), true); }
  bool take_name(std::string_view name) noexcept { return now().is_name(name) && (take(), true); }
  std::size_t position() const noexcept { return at_; }
  /// Whether a name stands between that position and here.
  bool mentions(std::string_view name, std::size_t from) const noexcept;
  /// Throws `Error` (`config_error`) if something else is here.
  void expect_sign(std::string_view sign);
  void expect(Token::Kind kind, std::string_view what);
  std::string expect_name(std::string_view what);
  [[noreturn]] void refuse(std::string_view wanted) const;

  /// While it lives, something lies one deeper.  Throws `Error` (`config_error`) where that is too deep.
  class Deeper {
   public:
    explicit Deeper(Cursor& cursor) : cursor_(&cursor) {
      if (++cursor_->depth_ > deepest) refuse();
    }
    ~Deeper() { --cursor_->depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    [[noreturn]] void refuse() const;
    Cursor* cursor_;
  };

 private:
  static constexpr int deepest = 150;

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace dspy::llama::jinja
