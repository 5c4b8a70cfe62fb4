#pragma once

#include "llama/jinja/parsing/cursor.hpp"
#include "llama/jinja/parsing/syntax.hpp"

namespace dspy::llama::jinja {

/// An expression, with Jinja's precedences.  These throw `Error` (`config_error`) with the place.
ExpressionPtr parse_expression(Cursor& cursor, bool takes_choice = true);
/// The same, or several with commas between them, which are a tuple then.
ExpressionPtr parse_tuple(Cursor& cursor, bool takes_choice = true);
/// A name, `namespace.member` or several with commas: what is assigned to.
std::vector<ExpressionPtr> parse_targets(Cursor& cursor, bool takes_members);
/// The filters that follow, from `|` on, over `value`, which may be null.
ExpressionPtr parse_filters(Cursor& cursor, ExpressionPtr value, bool begins_with_name);

}  // namespace dspy::llama::jinja
