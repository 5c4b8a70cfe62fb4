// Values in expressions, and what is put to them.

#include "llama/jinja/parsing/cursor.hpp"
#include "llama/jinja/parsing/expression_nodes.hpp"
#include "llama/jinja/parsing/expression_parser.hpp"
#include "llama/jinja/parsing/syntax.hpp"
#include "llama/jinja/values/fault.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

using Kind = Expression::Kind;

class Parser {
 public:
  explicit Parser(Cursor& cursor) : cursor_(&cursor) {}

  ExpressionPtr filters(ExpressionPtr value, bool begins_with_name) {
    auto is_filter = [&] {
      return begins_with_name ? cursor_->now().is(Token::Kind::name) : cursor_->now().is_sign("|");
    };
    while (is_filter() || cursor_->now().is_name("is") || cursor_->now().is_sign("(")) {
      if (is_filter()) {
        if (!begins_with_name) cursor_->take();
        begins_with_name = false;
        value = filter(std::move(value));
      } else if (cursor_->now().is_name("is")) {
        value = test(std::move(value));
      } else {
        value = call(std::move(value));
      }
    }
    return value;
  }

  ExpressionPtr primary() {
    const Cursor::Deeper deeper(*cursor_);
    const auto token = cursor_->now();
    switch (token.kind) {
      case Token::Kind::name: return named(cursor_->take());
      case Token::Kind::string: return strings();
      case Token::Kind::integer:
      case Token::Kind::floating: return number(cursor_->take());
      default: break;
    }
    if (cursor_->take_sign("(")) {
      if (cursor_->take_sign(")")) return make(Kind::tuple, token.place, {}, {});
      auto inside = parse_tuple(*cursor_);
      cursor_->expect_sign(")");
      return inside;
    }
    if (cursor_->take_sign("[")) return make(Kind::list, token.place, {}, items("]"));
    if (cursor_->take_sign("{")) return dict(token.place);
    cursor_->refuse("a value");
  }

  ExpressionPtr members(ExpressionPtr value) {
    for (;;) {
      const auto place = cursor_->now().place;
      if (cursor_->take_sign(".")) {
        const auto name = cursor_->take();
        if (name.is(Token::Kind::integer))
          value = make(Kind::subscript, place, {}, all(std::move(value), number(name)));
        else if (name.is(Token::Kind::name))
          value = make(Kind::attribute, place, name.text, all(std::move(value)));
        else
          throw fault(place, "a name is missing after `.`");
      } else if (cursor_->take_sign("[")) {
        value = subscript(place, std::move(value));
      } else if (cursor_->now().is_sign("(")) {
        value = call(std::move(value));
      } else {
        return value;
      }
    }
  }

 private:
  ExpressionPtr choice() { return parse_expression(*cursor_); }

  ExpressionPtr named(const Token& token) {
    static constexpr std::array<std::string_view, 7> reserved = {"if", "else", "and", "or", "is", "in", "not"};
    if (token.text == "true" || token.text == "True") return literal(token.place, true);
    if (token.text == "false" || token.text == "False") return literal(token.place, false);
    if (token.text == "none" || token.text == "None") return literal(token.place, Value::None());
    if (std::ranges::contains(reserved, std::string_view(token.text)))
      throw fault(token.place, std::format("`{}` stands where a value belongs", token.text));
    return make(Kind::name, token.place, token.text, {});
  }

  /// Strings that follow each other are one.
  ExpressionPtr strings() {
    const auto place = cursor_->now().place;
    std::string text;
    while (cursor_->now().is(Token::Kind::string)) text += cursor_->take().text;
    return literal(place, Value::own(std::move(text)));
  }

  ExpressionPtr number(const Token& token) {
    const auto* const end = token.text.data() + token.text.size();
    if (token.kind == Token::Kind::integer) {
      std::int64_t number = 0;
      if (std::from_chars(token.text.data(), end, number).ec != std::errc{})
        throw fault(token.place, std::format("the number {} is too large", token.text));
      return literal(token.place, number);
    }
    double number = 0;
    if (std::from_chars(token.text.data(), end, number).ec != std::errc{})
      throw fault(token.place, std::format("the number {} is too large", token.text));
    return literal(token.place, number);
  }

  std::vector<ExpressionPtr> items(std::string_view close) {
    std::vector<ExpressionPtr> out;
    while (!cursor_->take_sign(close)) {
      if (!out.empty()) {
        cursor_->expect_sign(",");
        if (cursor_->take_sign(close)) break;
      }
      out.push_back(choice());
    }
    return out;
  }

  ExpressionPtr dict(Place place) {
    std::vector<ExpressionPtr> out;
    while (!cursor_->take_sign("}")) {
      if (!out.empty()) {
        cursor_->expect_sign(",");
        if (cursor_->take_sign("}")) break;
      }
      out.push_back(choice());
      cursor_->expect_sign(":");
      out.push_back(choice());
    }
    return make(Kind::dict, place, {}, std::move(out));
  }

  ExpressionPtr subscript(Place place, ExpressionPtr value) {
    const auto ends = [&] { return cursor_->now().is_sign(":") || cursor_->now().is_sign("]"); };
    auto first = ends() ? ExpressionPtr() : parse_tuple(*cursor_);
    if (first && cursor_->take_sign("]"))
      return make(Kind::subscript, place, {}, all(std::move(value), std::move(first)));
    cursor_->expect_sign(":");
    auto last = ends() ? ExpressionPtr() : choice();
    ExpressionPtr step;
    if (cursor_->take_sign(":") && !ends()) step = choice();
    cursor_->expect_sign("]");
    return make(Kind::slice, place, {}, all(std::move(value), std::move(first), std::move(last), std::move(step)));
  }

  /// `(…)`: adds what stands in it to `out`.
  void arguments(Expression& out) {
    cursor_->expect_sign("(");
    bool is_first = true;
    while (!cursor_->take_sign(")")) {
      if (!is_first) {
        cursor_->expect_sign(",");
        if (cursor_->take_sign(")")) return;
      }
      is_first = false;
      const auto token = cursor_->now();
      if (token.is_sign("*") || token.is_sign("**")) {
        cursor_->take();
        out.items.push_back(make(Kind::spread, token.place, token.text, all(choice())));
      } else if (token.is(Token::Kind::name) && cursor_->ahead().is_sign("=")) {
        cursor_->take();
        cursor_->take();
        out.named.emplace_back(token.text, choice());
      } else {
        out.items.push_back(choice());
      }
    }
  }

  ExpressionPtr call(ExpressionPtr value) {
    auto out = std::make_unique<Expression>();
    out->kind = Kind::call;
    out->place = cursor_->now().place;
    out->items = all(std::move(value));
    arguments(*out);
    return out;
  }

  ExpressionPtr filter(ExpressionPtr value) {
    auto out = std::make_unique<Expression>();
    out->kind = Kind::filter;
    out->place = cursor_->now().place;
    out->text = cursor_->expect_name("a filter's name");
    out->items = all(std::move(value));
    if (cursor_->now().is_sign("(")) arguments(*out);
    return out;
  }

  /// `is [not] name [argument]`
  ExpressionPtr test(ExpressionPtr value) {
    const auto place = cursor_->take().place;
    const bool is_negated = cursor_->take_name("not");
    auto out = std::make_unique<Expression>();
    out->kind = Kind::test;
    out->place = place;
    out->text = cursor_->expect_name("a test's name");
    out->items = all(std::move(value));
    const auto& next = cursor_->now();
    static constexpr std::array<std::string_view, 7> others = {"if", "else", "and", "or", "is", "in", "not"};
    if (next.is_sign("("))
      arguments(*out);
    else if ((next.is(Token::Kind::name) && !std::ranges::contains(others, std::string_view(next.text))) ||
             next.is(Token::Kind::string) || next.is(Token::Kind::integer) || next.is(Token::Kind::floating) ||
             next.is_sign("[") || next.is_sign("{"))
      out->items.push_back(members(primary()));
    if (!is_negated) return out;
    return make(Kind::unary, place, "not", all<ExpressionPtr>(std::move(out)));
  }

  Cursor* cursor_;
};

}  // namespace

ExpressionPtr parse_operand(Cursor& cursor) {
  Parser parser(cursor);
  return parser.members(parser.primary());
}

ExpressionPtr parse_filters(Cursor& cursor, ExpressionPtr value, bool begins_with_name) {
  return Parser(cursor).filters(std::move(value), begins_with_name);
}

}  // namespace dspy::llama::jinja
