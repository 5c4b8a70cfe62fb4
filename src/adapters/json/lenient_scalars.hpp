#pragma once

#include "adapters/json/lenient_json.hpp"
#include "base/unicode/letters.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// Quotation marks of which one opens and another closes.
struct CurlyQuotes {
  std::string_view opening;
  std::string_view closing;
};

constexpr bool is_key_character(char c) noexcept {
  return text::is_any_letter(c) || text::is_digit(c) || c == '_' || c == '-' || c == '$';
}

/// A position in JSON as models write it, and readers for scalars: strings, keys, numbers and words.  Each returns
/// false after `fail`, which keeps the first problem.
class LenientScalars {
 protected:
  LenientScalars(std::string_view text, std::size_t begin) : text_(text), at_(begin) {}

  bool at_end() const noexcept { return at_ >= text_.size(); }
  char here() const noexcept { return text_[at_]; }
  bool next_is(std::string_view word) const noexcept { return text_.substr(at_).starts_with(word); }
  void take(JsonRepair repair) noexcept { repairs_.add(repair); }

  bool fail(std::string_view message) {
    problem_ = {std::string(message), at_};
    return false;
  }

  void skip_space() noexcept {
    while (!at_end()) {
      const char c = here();
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        ++at_;
      } else if (c == '#' || next_is("//")) {
        skip_to("\n");
      } else if (next_is("/*")) {
        at_ += 2;
        skip_to("*/");
      } else {
        return;
      }
    }
  }

  void skip_to(std::string_view end) noexcept {
    take(JsonRepair::comment);
    const auto found = text_.find(end, at_);
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
  }

  const CurlyQuotes* curly_quotes_here() const noexcept;
  /// `“text”`.  Another such quote inside it, or a straight one, would make its end ambiguous.
  bool curly_string(const CurlyQuotes& quotes, Json& out);
  bool key(std::string& out);
  bool string(std::string& out);
  bool number(Json& out);
  bool word(Json& out);

  std::string_view text_;
  std::size_t at_;
  JsonRepairs repairs_;
  JsonProblem problem_;

 private:
  /// Python's triple-quoted string, verbatim; line breaks next to the quotes belong to them.
  bool long_string(std::string& out);
  void plain(std::string& out, std::string_view text);
  bool is_stray_quote() const noexcept;
  void escape(std::string& out);
  /// The four digits after `\u`, or nothing.
  std::optional<std::uint32_t> hex() noexcept;
  /// Joins a surrogate with the one that must follow.
  std::uint32_t pair(std::uint32_t code);
  /// The digits of `0x1F`, `0o17` and `0b101` stay text, which an integer reads: they may be a colour, or a name.
  bool based_number(Json& out);
  void convert(Json& out, std::string_view digits, bool is_integer);
};

}  // namespace dspy
