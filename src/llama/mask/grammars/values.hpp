#pragma once

#include "dspy/base/json.hpp"
#include "llama/mask/expressions/expression.hpp"
#include "llama/mask/grammars/numbers.hpp"
#include "llama/mask/grammars/strings.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy::llama::mask {

/// How JSON text is laid out.  There is one way only, the one that prompts show: white space at will lets models write
/// it without end.
struct JsonStyle {
  std::string after_item = ",";
  std::string after_key = ":";
  std::size_t indent = 0;  ///< Blanks for each level of nesting, every part on a line of its own; 0 for a single line.
  Inside inside = Inside::nothing;
};

/// Builds the grammars of JSON values.  What no mask can hold is thrown as `Error` (`invalid_parameter`) that names the
/// part: `where` begins each message, as in "the output `tags`, item".
class Values {
 public:
  /// Deeper than this no value of an unknown or recursive shape is nested.
  static constexpr std::size_t deepest = 32;
  static constexpr std::size_t most_choices = 100'000;

  Values(Pool& pool, JsonStyle style) : pool_(pool), style_(std::move(style)) {}

  Pool& pool() const noexcept { return pool_; }

  Expr string(const TextLimits& limits, const std::string& where);
  Expr number(const NumberLimits& limits, const std::string& where);
  Expr boolean() { return one_of_texts(pool_, {"true", "false"}); }
  Expr null() { return pool_.literal("null"); }
  /// One of the values, as compact JSON text.
  Expr choice(std::span<const Json> values, const std::string& where);

  struct Size {
    std::size_t min = 0;
    std::size_t max = SIZE_MAX;
  };
  /// Of lists and objects, `level` says how many others they stand in; their parts are made for one level more.
  Expr list(Expr item, Size size, std::size_t level, const std::string& where);
  /// A list that begins with these items; `rest`, if any, is what follows them.
  Expr tuple(std::span<const Expr> items, std::optional<Expr> rest, std::size_t level);
  /// Some of the items (members), none twice, in their order.
  Expr subset(std::span<const Expr> items, Size size, std::size_t level, const std::string& where);

  struct Member {
    std::string name = {};
    Expr value = Pool::nothing;
    bool required = true;
  };
  /// The members in their order, those that are not required or not; then any number of others, if `others` says
  /// what values they have.
  Expr object(std::span<const Member> members, std::optional<Expr> others, std::size_t level);
  /// The same with none of its members required and a number of them.
  Expr some_members(std::span<const Member> members, Size size, std::size_t level, const std::string& where);
  /// Members with any key of a kind, which is a JSON string.
  Expr dict(Expr key, Expr value, Size size, std::size_t level, const std::string& where);
  /// Any JSON value.
  Expr any(std::size_t level);
  /// Just this text, which is JSON.
  Expr exactly(std::string_view json);

  /// Throws.
  [[noreturn]] static void refuse(const std::string& where, std::string_view why);

 private:
  Expr comma(std::size_t level);
  Expr bracketed(std::string_view brackets, Expr inside, std::size_t level);
  Expr repeated(std::string_view brackets, Expr part, Size size, std::size_t level, const std::string& where);
  Expr chosen(std::string_view brackets, std::span<const Expr> parts, Size size, std::size_t level,
              const std::string& where);
  Expr member(Expr key, Expr value) { return pool_.seq({key, pool_.literal(style_.after_key), value}); }
  Expr other_key(std::span<const Member> members);
  std::string line_at(std::size_t level) const;

  Pool& pool_;
  JsonStyle style_;
  std::unordered_map<std::size_t, Expr> any_;  ///< By level.
};

}  // namespace dspy::llama::mask
