#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace dspy {

/// A number as a person writes it: `42`, `-1.5`, `+3`, `.5`, `1e6`, `1,234.5`, `1_000`, `−2`.
struct WrittenNumber {
  double value = 0;
  std::optional<std::int64_t> integer = {};  ///< If it is whole and exact in 64 bits.
  bool beyond_float = false;                 ///< Too large for a float, or too close to 0; `value` is unset.
  bool plain_integer = false;                ///< Written without fraction and exponent.
  bool grouped = false;                      ///< With separators between thousands.
  bool unusual_minus = false;                ///< With U+2212 for a minus.
  bool leading_zeros = false;                ///< `007`, which may be a name made of digits.
};

/// Reads all of `text` as one number, or nothing.  Commas count only as thousands separators (`1,234`, not `12,5` and
/// not `0,123`); no units, no percent, no `inf`.
std::optional<WrittenNumber> read_number(std::string_view text);

/// `0x1F`, `0o17`, `0b101`, as programs write integers; if it fits into 64 bits.
std::optional<std::int64_t> read_prefixed_integer(std::string_view text) noexcept;

/// A number from 0 to 99 in English words: `seven`, `Twenty-one`, `forty two`.
std::optional<std::int64_t> read_number_word(std::string_view text) noexcept;

}  // namespace dspy
