#pragma once

#include "llama/mask/expressions/expression.hpp"
#include "llama/mask/grammars/regex.hpp"

#include <expected>
#include <string_view>

namespace dspy::llama::mask {

/// The texts of a grammar in llama.cpp's GBNF, from its rule `root`: literals, sets of characters, groups, `|`, `*`,
/// `+`, `?`, `{m,n}`, `.` and comments.  The pool's rules are checked; refused are rules that are undefined, begin with
/// themselves (left recursion) or have no finite text.
std::expected<Expr, SyntaxProblem> parse_gbnf(Pool& pool, std::string_view grammar);

}  // namespace dspy::llama::mask
