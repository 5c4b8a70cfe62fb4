#pragma once

#include "llama/mask/expressions/expression.hpp"

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace dspy::llama::mask {

/// Why a text is not a regular expression that a mask can hold.
struct SyntaxProblem {
  std::string message = {};  ///< "a look-ahead cannot be held by a mask"
  std::size_t position = 0;  ///< In bytes.
};

/// What a regular expression has to match: the whole text, or some part of it, as Python's `fullmatch` and `search`
/// have it.
enum class Match { whole, part };

/// The texts that match, over characters: `.` and sets are of code points, `\d`, `\w` and `\s` of ASCII.
///
/// Understood are sets, groups, `|`, the quantifiers (a lazy one matches the same texts), and `^` and `$` at the ends
/// of the expression or of its alternatives.  Refused are back references, looking around, `\b` and flags.
std::expected<Expr, SyntaxProblem> parse_regex(Pool& pool, std::string_view pattern, Match match);

}  // namespace dspy::llama::mask
