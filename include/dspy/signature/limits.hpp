#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/pattern.hpp"

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

/// An integer of 64 bits or a float, each kept as it was written: `1` is not printed as `1.0`,
/// and no bound is rounded.
struct Number {
  bool is_integer = true;
  std::int64_t integer = 0;
  double real = 0;

  constexpr Number() = default;
  template <std::integral I>
  constexpr Number(I value)  // NOLINT(google-explicit-constructor): written as a plain number
      : is_integer(std::in_range<std::int64_t>(value)),
        integer(is_integer ? static_cast<std::int64_t>(value) : 0),
        real(is_integer ? 0 : static_cast<double>(value)) {}
  constexpr Number(double value) : is_integer(false), real(value) {}  // NOLINT(google-explicit-constructor)

  constexpr double value() const noexcept { return is_integer ? static_cast<double>(integer) : real; }

  /// The same number in the same spelling.
  bool operator==(const Number&) const = default;
};

/// Compares two numbers exactly, regardless of their spelling.  Unordered if one is not a number.
std::partial_ordering compare(const Number& a, const Number& b) noexcept;

/// `3`, `0.5`: the shortest text that reads back as the same number.
std::string to_text(const Number& number);

/// What a value must satisfy in addition to its type.  Each limit has the name that DSPy and pydantic give it; that
/// name is the `rule` of a `Violation`.
struct Limits {
  std::optional<Number> gt = {};  ///< For numbers.
  std::optional<Number> ge = {};
  std::optional<Number> lt = {};
  std::optional<Number> le = {};
  std::optional<Number> multiple_of = {};
  std::optional<std::size_t> min_length = {};  ///< Characters of a text, bytes of `bytes`, items of a list or dict.
  std::optional<std::size_t> max_length = {};
  Pattern pattern = {};           ///< For texts.
  std::vector<Json> one_of = {};  ///< The values allowed, for what a `Literal` cannot hold; empty for all.
  bool unique_items = false;      ///< For lists: a set.
  bool allow_inf_nan = false;     ///< For floats: infinities and NaN, which JSON text cannot hold.

  bool operator==(const Limits&) const = default;
};

}  // namespace dspy
