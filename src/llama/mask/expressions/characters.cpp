#include "llama/mask/expressions/characters.hpp"

#include "base/unicode/utf8.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace dspy::llama::mask {
namespace {

constexpr char32_t last_character = 0x10FFFF;
constexpr CharRange surrogates = {0xD800, 0xDFFF};

ByteSet bytes_between(char first, char last) noexcept {
  return ByteSet::range(static_cast<unsigned char>(first), static_cast<unsigned char>(last));
}

/// The characters between two texts of equal size, whose bytes from `at` on are still to be written.
Expr between(Pool& pool, std::string_view first, std::string_view last, std::size_t at) {
  if (at + 1 == first.size()) return pool.bytes(bytes_between(first[at], last[at]));
  if (first[at] == last[at])
    return pool.seq(pool.bytes(bytes_between(first[at], first[at])), between(pool, first, last, at + 1));
  // The two ends need care where their tails are not the lowest and the highest; all in the middle are alike.
  const std::string lowest(first.size() - at - 1, '\x80');
  const std::string highest(first.size() - at - 1, '\xBF');
  auto low = static_cast<unsigned char>(first[at]);
  auto high = static_cast<unsigned char>(last[at]);
  std::vector<Expr> parts;
  const auto add = [&](unsigned char from, unsigned char to, std::string_view a, std::string_view b) {
    const std::string padding(at + 1, ' ');
    parts.push_back(pool.seq(pool.bytes(ByteSet::range(from, to)),
                             between(pool, padding + std::string(a), padding + std::string(b), at + 1)));
  };
  if (first.substr(at + 1) != lowest) {
    add(low, low, first.substr(at + 1), highest);
    ++low;
  }
  if (last.substr(at + 1) != highest) {
    add(high, high, lowest, last.substr(at + 1));
    --high;
  }
  if (low <= high) add(low, high, lowest, highest);
  return pool.alt(parts);
}

}  // namespace

CharSet CharSet::all() {
  return {{0, surrogates.first - 1}, {surrogates.last + 1, last_character}};
}

void CharSet::add(CharRange range) {
  std::vector<CharRange> out;
  for (const auto& old : ranges_) {
    if (old.last + 1 < range.first || range.last + 1 < old.first) {
      out.push_back(old);
    } else {
      range = {std::min(range.first, old.first), std::max(range.last, old.last)};
    }
  }
  out.insert(std::ranges::upper_bound(out, range.first, {}, &CharRange::first), range);
  ranges_ = std::move(out);
}

CharSet CharSet::complement() const {
  auto without = *this;
  without.add(surrogates);
  CharSet out;
  char32_t next = 0;
  for (const auto& range : without.ranges_) {
    if (range.first > next) out.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= last_character) out.ranges_.push_back({next, last_character});
  return out;
}

Expr one_of(Pool& pool, const CharSet& set) {
  // Characters of equally many bytes are ordered like their bytes.
  constexpr std::array<CharRange, 5> sizes = {
      {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, last_character}}};
  std::vector<Expr> parts;
  for (const auto& range : set.ranges()) {
    for (const auto& size : sizes) {
      const auto from = std::max(range.first, size.first);
      const auto to = std::min(range.last, size.last);
      if (from > to) continue;
      std::string first;
      std::string last;
      append_utf8(first, from);
      append_utf8(last, to);
      parts.push_back(between(pool, first, last, 0));
    }
  }
  return pool.alt(parts);
}

char32_t next_character(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  char32_t out = lead & (0x3Fu >> more);
  for (int i = 0; i < more && at < text.size(); ++i) out = out << 6 | (static_cast<unsigned char>(text[at++]) & 0x3Fu);
  return out;
}

}  // namespace dspy::llama::mask
