#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace dspy {

/// What models write for JSON.  Each is understood in one way only; what is not listed is an
/// error, so that no text becomes a value it did not mean.
enum class JsonRepair : std::uint8_t {
  trailing_comma,   ///< `[1, 2,]`
  single_quotes,    ///< `{'a': 1}`
  unquoted_key,     ///< `{a: 1}`
  python_word,      ///< `True`, `None`, `NaN`, `-Infinity`, `1_000`, `+1`, `.5`, `1.`, `"""text"""`; `0x1F` stays text
  python_brackets,  ///< `(1, 2)`
  comment,          ///< `// …`, `# …` and `/* … */`
  line_break_in_string,  ///< Any control character that should have been escaped.
  bad_escape,            ///< `\_` keeps its backslash, `\'` loses it, half a surrogate becomes U+FFFD.
  stray_quote,           ///< `'it's'`: a single quote between two letters.
  duplicate_key,         ///< The last one counts, as everywhere.
  unclosed,              ///< Closing brackets are missing where the text ends.
  unclosed_string,       ///< The text ends within a string.
  curly_quotes,          ///< `{“a”: “b”}`, `{‘a’: ‘b’}`
  json_slip,             ///< One character is wrong, and every way to put it right gives the same values.
  long_number,           ///< A number that neither 64 bits nor a float can hold is its digits, as text.
};

/// A set of repairs.
class JsonRepairs {
 public:
  void add(JsonRepair repair) noexcept { bits_ |= bit(repair); }
  void add(JsonRepairs other) noexcept { bits_ |= other.bits_; }
  bool has(JsonRepair repair) const noexcept { return (bits_ & bit(repair)) != 0; }
  bool empty() const noexcept { return bits_ == 0; }

  /// Calls `visit` with the name of each.
  template <class F>
  void for_each(F&& visit) const {
    for (unsigned i = 0; bits_ >> i != 0; ++i) {
      if ((bits_ >> i & 1U) != 0) visit(name(static_cast<JsonRepair>(i)));
    }
  }

  static std::string_view name(JsonRepair repair) noexcept;

 private:
  static std::uint32_t bit(JsonRepair repair) noexcept { return 1U << static_cast<unsigned>(repair); }

  std::uint32_t bits_ = 0;
};

struct LenientJson {
  Json value = {};
  std::size_t end = 0;  ///< The byte after the value; white space and comments that follow are left.
  JsonRepairs repairs = {};
};

/// How many values one text may hold; each takes some ten times the memory of its shortest text.
inline constexpr std::size_t most_values = 4'000'000;

/// Reads the JSON value that begins at `begin`, in time linear in its length and nested up to
/// 128 deep, with at most `most_values` in it.  Text after the value is the caller's business.  Strict JSON gives the
/// very value that `parse_json` gives, with no repairs.
std::expected<LenientJson, JsonProblem> read_lenient_json(std::string_view text, std::size_t begin = 0);

}  // namespace dspy
