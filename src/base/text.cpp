#include "dspy/base/text.hpp"

#include "base/unicode/letters.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace dspy::text {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

using text::is_space;
/// The start of a UTF-8 text: one character, the start of one, or neither.
struct Utf8Step {
  enum class Kind { whole, cut, broken };
  Kind kind;
  std::size_t length;  ///< Where broken, the bytes that one U+FFFD stands for.
};

/// Follows table 3-7 of the Unicode standard: it excludes overlong forms, surrogates and
/// what lies above U+10FFFF by limits on the second byte.
Utf8Step utf8_step(std::string_view text) noexcept {
  using enum Utf8Step::Kind;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {whole, 1};
  if (lead < 0xC2 || lead > 0xF4) return {broken, 1};

  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {cut, i};
    if (byte(i) < (i == 1 ? lowest : 0x80) || byte(i) > (i == 1 ? highest : 0xBF)) return {broken, i};
  }
  return {whole, length};
}

/// The end of the run of ASCII that starts at `i`, eight bytes at a time where possible.
std::size_t skip_ascii(std::string_view text, std::size_t i) noexcept {
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    word &= 0x8080808080808080U;
    if (word != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

/// Edits between two words: insert, delete, replace or swap neighbours, without regard to case.
std::size_t edits(std::string_view a, std::string_view b) {
  std::array<std::array<std::uint8_t, 65>, 3> rows{};
  auto* before = &rows[0];
  auto* last = &rows[1];
  auto* row = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) (*last)[j] = static_cast<std::uint8_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    (*row)[0] = static_cast<std::uint8_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      int best = std::min({(*last)[j] + 1, (*row)[j - 1] + 1, (*last)[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        best = std::min(best, (*before)[j - 2] + 1);
      (*row)[j] = static_cast<std::uint8_t>(best);
    }
    auto* const oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return (*last)[b.size()];
}

/// True where a new word starts at `i`: at a capital (not inside a run of them), and where
/// digits and letters meet.
bool starts_word(std::string_view text, std::size_t i) noexcept {
  const char before = text[i - 1];
  const char here = text[i];
  if (is_digit(before) != is_digit(here)) return true;
  if (!is_upper(here)) return false;
  const bool ends_run = i + 1 < text.size() && lower(text[i + 1]) == text[i + 1] && upper(text[i + 1]) != text[i + 1];
  return !is_upper(before) || ends_run;
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view trim_end(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::optional<std::size_t> invalid_utf8(std::string_view text) noexcept {
  for (std::size_t i = skip_ascii(text, 0); i < text.size(); i = skip_ascii(text, i)) {
    const auto step = utf8_step(text.substr(i));
    if (step.kind != Utf8Step::Kind::whole) return i;
    i += step.length;
  }
  return std::nullopt;
}

std::string_view without_byte_order_mark(std::string_view text) noexcept {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.starts_with(mark)) text.remove_prefix(mark.size());
  return text;
}

std::string to_words(std::string_view identifier) {
  std::string out;
  out.reserve(identifier.size() + 4);
  const auto is_letter_or_digit = [](char c) {
    return is_digit(c) || lower(c) != upper(c) || static_cast<unsigned char>(c) >= 0x80;
  };
  for (std::size_t i = 0; i < identifier.size();) {
    if (!is_letter_or_digit(identifier[i])) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < identifier.size() && is_letter_or_digit(identifier[end]) && !starts_word(identifier, end)) ++end;
    const auto word = identifier.substr(i, end - i);
    const bool capitals = std::ranges::all_of(word, is_upper);
    const bool first = out.empty();
    if (!first) out += ' ';
    for (const char c : word) out += capitals ? c : lower(c);
    if (first) out[0] = upper(out[0]);
    i = end;
  }
  return out.empty() ? std::string(identifier) : out;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t longest = 64;  // the size of a row in `edits`
  if (word.empty() || word.size() > longest) return std::nullopt;
  // A third of the word may differ; in a word of one or two letters only the case.
  const std::size_t allowed = (word.size() + 1) / 3 - (word.size() == 2 ? 1 : 0);
  std::size_t fewest = allowed + 1;
  const std::string* found = nullptr;
  for (const auto& candidate : candidates) {
    const auto difference = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (candidate.size() > longest || difference >= fewest) continue;
    const auto count = edits(word, candidate);
    if (count < fewest) {
      fewest = count;
      found = &candidate;
    }
  }
  return found ? std::optional(*found) : std::nullopt;
}

std::string enumerate(std::span<const std::string> items, std::string_view quote, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0 && i + 1 == items.size()) {
      out.append(" ").append(last).append(" ");
    } else if (i != 0) {
      out += ", ";
    }
    out.append(quote).append(items[i]).append(quote);
  }
  return out;
}

std::string Utf8Buffer::push(std::string_view bytes) {
  if (pending_.empty() && skip_ascii(bytes, 0) == bytes.size()) return std::string(bytes);
  pending_ += bytes;

  std::string out;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const auto step = utf8_step(rest);
    if (step.kind == Utf8Step::Kind::cut) break;
    out += step.kind == Utf8Step::Kind::whole ? rest.substr(0, step.length) : replacement;
    rest.remove_prefix(step.length);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return out;
}

std::string Utf8Buffer::finish() {
  if (pending_.empty()) return {};
  pending_.clear();
  return std::string(replacement);
}

}  // namespace dspy::text
