#include "llama/jinja/parsing/cursor.hpp"

#include "llama/jinja/values/fault.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>

namespace dspy::llama::jinja {
namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data: return "text";
    case Token::Kind::print_begin: return "`{{`";
    case Token::Kind::print_end: return "`}}`";
    case Token::Kind::tag_begin: return "`{%`";
    case Token::Kind::tag_end: return "`%}`";
    case Token::Kind::string: return "a string";
    case Token::Kind::name:
    case Token::Kind::integer:
    case Token::Kind::floating:
    case Token::Kind::sign: return std::format("`{}`", token.text);
    case Token::Kind::end: break;
  }
  return "the end of the template";
}

}  // namespace

void Cursor::refuse(std::string_view wanted) const {
  throw fault(now().place, std::format("{} stands where {} belongs", shown(now()), wanted));
}

bool Cursor::mentions(std::string_view name, std::size_t from) const noexcept {
  return std::any_of(tokens_.begin() + static_cast<std::ptrdiff_t>(from),
                     tokens_.begin() + static_cast<std::ptrdiff_t>(at_),
                     [&](const Token& token) { return token.is_name(name); });
}

void Cursor::expect_sign(std::string_view sign) {
  if (!take_sign(sign)) refuse(std::format("`{}`", sign));
}

void Cursor::expect(Token::Kind kind, std::string_view what) {
  if (!now().is(kind)) refuse(what);
  take();
}

std::string Cursor::expect_name(std::string_view what) {
  if (!now().is(Token::Kind::name)) refuse(what);
  return take().text;
}

void Cursor::Deeper::refuse() const {
  --cursor_->depth_;
  throw fault(cursor_->now().place, std::format("this is nested more than {} levels deep", deepest));
}

}  // namespace dspy::llama::jinja
