#pragma once

#include "llama/jinja/values/fault.hpp"
#include "llama/jinja/values/value.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// A template as a tree.

namespace dspy::llama::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Expression {
  enum class Kind : std::uint8_t {
    literal,    ///< `value`
    name,       ///< `text`
    list,       ///< `items`
    tuple,      ///< `items`
    dict,       ///< `items`: key, value, key, value …
    attribute,  ///< `items[0].text`
    subscript,  ///< `items[0][items[1]]`
    slice,      ///< `items[0][items[1]:items[2]:items[3]]`, of which the last three may be null
    call,       ///< `items[0](…)`, with the rest of `items` and `named`
    filter,     ///< `items[0] | text(…)`; `items[0]` may be null in a block
    test,       ///< `items[0] is text(…)`
    unary,      ///< `text`: `-`, `+`, `not`
    binary,     ///< `text` of `items`: arithmetic, `~`, `and`, `or`
    compare,    ///< `items[0] operators[0] items[1] operators[1] …`
    choice,     ///< `items[0] if items[1] else items[2]`, of which the last may be null
    spread,     ///< `*items[0]` or `**items[0]` in a call; `text` has the stars
  };

  Kind kind = Kind::literal;
  Place place = {};
  std::string text = {};
  Value value = {};
  std::vector<ExpressionPtr> items = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  std::vector<std::string> operators = {};
};

struct Statement;
using Block = std::vector<std::unique_ptr<const Statement>>;

/// A macro's parameters, or those of what a `call` block hands in.
struct Parameter {
  std::string name = {};
  ExpressionPtr preset = {};  ///< Null: none.
};

struct Statement {
  enum class Kind : std::uint8_t {
    data,       ///< `text`
    print,      ///< `expression`
    condition,  ///< `expression`, `body`, `otherwise`
    loop,       ///< `targets` in `expression` if `filter`: `body`, else `otherwise`
    set,        ///< `targets` = `expression`; `targets[0]` may be a namespace's member
    set_block,  ///< `targets[0]` = `body` through `filter`
    macro,      ///< `text`, `parameters`, `body`
    call,       ///< `expression` with `parameters` and `body` as its `caller`
    filter,     ///< `body` through `filter`
    with,       ///< `targets` = `values`, for `body`
    part,       ///< `body` (`generation`, which only trainers look at)
    leave,      ///< `break`
    next,       ///< `continue`
    run,        ///< `expression`, whose value is not written (`do`)
  };

  Kind kind = Kind::data;
  Place place = {};
  std::string text = {};
  ExpressionPtr expression = {};
  ExpressionPtr filter = {};
  std::vector<ExpressionPtr> targets = {};
  std::vector<ExpressionPtr> values = {};
  std::vector<Parameter> parameters = {};
  bool uses_loop = false;  ///< Whether `loop` is spoken of in it.
  Block body = {};
  Block otherwise = {};
};

}  // namespace dspy::llama::jinja
