#include "llama/jinja/parsing/expression_parser.hpp"

#include "llama/jinja/parsing/expression_nodes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

using Kind = Expression::Kind;

class Parser {
 public:
  explicit Parser(Cursor& cursor) : cursor_(&cursor) {}

  ExpressionPtr choice() {
    const Cursor::Deeper deeper(*cursor_);
    auto value = either();
    while (cursor_->now().is_name("if")) {
      const auto place = cursor_->take().place;
      auto condition = either();
      ExpressionPtr otherwise;
      if (cursor_->take_name("else")) otherwise = choice();
      value = make(Kind::choice, place, {}, all(std::move(value), std::move(condition), std::move(otherwise)));
    }
    return value;
  }

  ExpressionPtr either() {
    auto left = both();
    while (cursor_->now().is_name("or")) {
      const auto place = cursor_->take().place;
      left = make(Kind::binary, place, "or", all(std::move(left), both()));
    }
    return left;
  }

 private:
  ExpressionPtr both() {
    auto left = negated();
    while (cursor_->now().is_name("and")) {
      const auto place = cursor_->take().place;
      left = make(Kind::binary, place, "and", all(std::move(left), negated()));
    }
    return left;
  }

  ExpressionPtr negated() {
    if (!cursor_->now().is_name("not")) return comparison();
    const Cursor::Deeper deeper(*cursor_);
    const auto place = cursor_->take().place;
    return make(Kind::unary, place, "not", all(negated()));
  }

  /// The comparison here, such as `<` or `not in`; empty if there is none.
  std::string take_comparison() {
    constexpr std::array<std::string_view, 6> signs = {"==", "!=", "<", "<=", ">", ">="};
    const auto& token = cursor_->now();
    if (token.is(Token::Kind::sign) && std::ranges::contains(signs, std::string_view(token.text)))
      return cursor_->take().text;
    if (cursor_->take_name("in")) return "in";
    if (!token.is_name("not") || !cursor_->ahead().is_name("in")) return {};
    cursor_->take();
    cursor_->take();
    return "not in";
  }

  ExpressionPtr comparison() {
    const auto place = cursor_->now().place;
    auto left = sum();
    std::vector<std::string> operators;
    std::vector<ExpressionPtr> operands = all(std::move(left));
    for (auto sign = take_comparison(); !sign.empty(); sign = take_comparison()) {
      operators.push_back(std::move(sign));
      operands.push_back(sum());
    }
    if (operators.empty()) return std::move(operands.front());
    auto out = std::make_unique<Expression>();
    out->kind = Kind::compare;
    out->place = place;
    out->items = std::move(operands);
    out->operators = std::move(operators);
    return out;
  }

  template <std::size_t Count>
  ExpressionPtr binary(const std::array<std::string_view, Count>& signs, ExpressionPtr (Parser::*operand)()) {
    auto left = (this->*operand)();
    const auto is_here = [&] {
      const auto& token = cursor_->now();
      return token.is(Token::Kind::sign) && std::ranges::contains(signs, std::string_view(token.text));
    };
    while (is_here()) {
      const auto sign = cursor_->take();
      left = make(Kind::binary, sign.place, sign.text, all(std::move(left), (this->*operand)()));
    }
    return left;
  }

  ExpressionPtr sum() { return binary(std::to_array<std::string_view>({"+", "-"}), &Parser::joined); }
  ExpressionPtr joined() { return binary(std::to_array<std::string_view>({"~"}), &Parser::product); }
  ExpressionPtr product() { return binary(std::to_array<std::string_view>({"*", "/", "//", "%"}), &Parser::power); }
  ExpressionPtr power() { return binary(std::to_array<std::string_view>({"**"}), &Parser::filtered); }

  ExpressionPtr filtered() { return signed_value(true); }

  ExpressionPtr signed_value(bool takes_filters) {
    ExpressionPtr value;
    const auto& token = cursor_->now();
    if (token.is_sign("-") || token.is_sign("+")) {
      const Cursor::Deeper deeper(*cursor_);
      const auto sign = cursor_->take();
      value = make(Kind::unary, sign.place, sign.text, all(signed_value(false)));
    } else {
      value = parse_operand(*cursor_);
    }
    return takes_filters ? parse_filters(*cursor_, std::move(value), false) : std::move(value);
  }

  Cursor* cursor_;
};

}  // namespace

ExpressionPtr parse_expression(Cursor& cursor, bool takes_choice) {
  Parser parser(cursor);
  return takes_choice ? parser.choice() : parser.either();
}

ExpressionPtr parse_tuple(Cursor& cursor, bool takes_choice) {
  const auto place = cursor.now().place;
  auto first = parse_expression(cursor, takes_choice);
  if (!cursor.now().is_sign(",")) return first;
  auto items = all(std::move(first));
  while (cursor.take_sign(",")) {
    const auto& next = cursor.now();
    if (next.is(Token::Kind::tag_end) || next.is(Token::Kind::print_end) || next.is_sign(")") || next.is_sign("]"))
      break;
    items.push_back(parse_expression(cursor, takes_choice));
  }
  return make(Kind::tuple, place, {}, std::move(items));
}

std::vector<ExpressionPtr> parse_targets(Cursor& cursor, bool takes_members) {
  std::vector<ExpressionPtr> out;
  const bool is_bracketed = cursor.take_sign("(");
  do {
    const auto place = cursor.now().place;
    auto name = make(Kind::name, place, cursor.expect_name("a name"), {});
    if (takes_members && cursor.take_sign("."))
      name = make(Kind::attribute, place, cursor.expect_name("a member's name"), all(std::move(name)));
    out.push_back(std::move(name));
  } while (cursor.take_sign(",") && cursor.now().is(Token::Kind::name));
  if (is_bracketed) cursor.expect_sign(")");
  return out;
}

}  // namespace dspy::llama::jinja
