#pragma once

#include "llama/jinja/parsing/cursor.hpp"
#include "llama/jinja/parsing/syntax.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

// Parts of expressions, for the parser.

namespace dspy::llama::jinja {

inline ExpressionPtr make(Expression::Kind kind, Place place, std::string text, std::vector<ExpressionPtr> items) {
  auto out = std::make_unique<Expression>();
  out->kind = kind;
  out->place = place;
  out->text = std::move(text);
  out->items = std::move(items);
  return out;
}

template <class... Items>
std::vector<ExpressionPtr> all(Items... items) {
  std::vector<ExpressionPtr> out;
  out.reserve(sizeof...(items));
  (out.push_back(std::move(items)), ...);
  return out;
}

inline ExpressionPtr literal(Place place, Value value) {
  auto out = std::make_unique<Expression>();
  out->place = place;
  out->value = std::move(value);
  return out;
}

/// A value with the members, items and calls that follow it.  Throws `Error` (`config_error`).
ExpressionPtr parse_operand(Cursor& cursor);

}  // namespace dspy::llama::jinja
