#include "retrieve/documents/cutter.hpp"

#include "base/unicode/letters.hpp"
#include "dspy/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <format>
#include <limits>
#include <string_view>
#include <vector>

namespace dspy::documents {
namespace {

constexpr std::size_t characters_of_a_token = 4;

using dspy::text::is_space;

constexpr bool continues_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// Eight bytes at a time: those that continue a character have the bits 10 on top.
std::size_t characters(std::string_view text) {
  constexpr std::uint64_t lowest = 0x0101'0101'0101'0101U;
  std::size_t continued = 0, at = 0;
  for (; at + sizeof lowest <= text.size(); at += sizeof lowest) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    continued += ((bytes >> 7U) & ~(bytes >> 6U) & lowest) * lowest >> 56U;  // the sum of the eight
  }
  for (; at < text.size(); ++at) continued += continues_character(text[at]) ? 1U : 0U;
  return text.size() - continued;
}

/// Eight characters of a byte each, before `end`.
bool is_ascii(std::string_view text, std::size_t at, std::size_t end) {
  std::uint64_t bytes = 0;
  if (end - at < sizeof bytes + 1) return false;  // and one more, so that the last is whole
  std::memcpy(&bytes, text.data() + at, sizeof bytes);
  return (bytes & 0x8080'8080'8080'8080U) == 0 && !continues_character(text[at + sizeof bytes]);
}

/// The nearest place at or before `at` that is no inside of a character.
std::size_t aligned(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && continues_character(text[at])) --at;
  return at;
}

std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && continues_character(text[at])) ++at;
  return at;
}

}  // namespace

Span trimmed(std::string_view text, Span span) {
  while (span.begin < span.end && is_space(text[span.begin])) ++span.begin;
  while (span.end > span.begin && is_space(text[span.end - 1])) --span.end;
  return span;
}

Cutter::Cutter(std::string_view text, const ChunkOptions& options) : text_(text), count_(options.count) {
  if (options.tokens == 0) throw Error(Errc::invalid_parameter, "chunks of 0 tokens are empty; allow at least 1");
  if (!(options.overlap >= 0 && options.overlap < 1))
    throw Error(Errc::invalid_parameter, std::format("an overlap of {} of a chunk is not in [0, 1)", options.overlap));
  constexpr auto most = std::numeric_limits<std::size_t>::max() / 8;
  limit_ = std::min(options.tokens, most) * (count_ ? 1 : characters_of_a_token);
  overlap_ = static_cast<std::size_t>(std::floor(static_cast<double>(limit_) * options.overlap));
}

std::size_t Cutter::size(Span span) const {
  return count_ ? count_(text(span)) : characters(text(span));
}

bool Cutter::fits(Span span) const {
  if (!count_) {  // a character has one to four bytes
    const auto bytes = span.end - span.begin;
    if (bytes <= limit_) return true;
    if (bytes / 4 > limit_) return false;
  }
  return size(span) <= limit_;
}

/// As the last of a chunk, without the white space at its end.
std::size_t Cutter::size_at_end(Span piece, std::size_t size_of_all) const {
  const auto end = std::max(trimmed(piece).end, piece.begin);
  return count_ ? size({piece.begin, end}) : size_of_all - (piece.end - end);
}

void Cutter::add(Span span, std::vector<Span>& out) const {
  span = trimmed(span);
  if (span.begin == span.end) return;
  // Tokens of a whole can be more than those of its parts.
  if (count_ && !fits(span) && next_character(text_, span.begin) < span.end) {
    windows(span, out);
  } else {
    out.push_back(span);
  }
}

void Cutter::cut(Span span, Seam seam, std::vector<Span>& out) const {
  span = trimmed(span);
  if (span.begin == span.end) return;
  if (fits(span)) {
    out.push_back(span);
  } else if (seam == Seam::characters) {
    windows(span, out);
  } else {
    const auto finer = static_cast<Seam>(static_cast<int>(seam) + 1);
    const auto pieces = split(span, seam);
    if (pieces.size() == 1) {
      cut(span, finer, out);
    } else {
      pack(pieces, finer, out);
    }
  }
}

std::vector<Span> Cutter::split(Span span, Seam seam) const {
  switch (seam) {
    case Seam::blank_lines: return paragraphs_of(text_, span);
    case Seam::lines: return lines_of(text_, span);
    case Seam::sentences: return sentences_of(text_, span);
    default: return words_of(text_, span);
  }
}

void Cutter::pack(const std::vector<Span>& pieces, Seam finer, std::vector<Span>& out) const {
  std::vector<std::size_t> sizes(pieces.size());
  std::size_t first = 0, fresh = 0,
              total = 0;  // pieces [first, i) are together; those from `fresh` are in no chunk yet
  const auto flush = [&](std::size_t end) {
    if (fresh < end) add({pieces[first].begin, pieces[end - 1].end}, out);
    fresh = end;
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    sizes[i] = size(pieces[i]);
    const auto bare = size_at_end(pieces[i], sizes[i]);
    if (bare > limit_) {
      flush(i);
      cut(pieces[i], finer, out);
      first = fresh = i + 1;
      total = 0;
      continue;
    }
    if (total + bare > limit_) {
      flush(i);
      for (; first < i && (total > overlap_ || total + bare > limit_); ++first) total -= sizes[first];
    }
    total += sizes[i];
  }
  flush(pieces.size());
}

void Cutter::windows(Span span, std::vector<Span>& out) const {
  for (auto rest = span; rest.begin < rest.end;) {
    const auto end = longest_prefix(rest);
    const Span window = trimmed({rest.begin, end});
    if (window.begin < window.end) out.push_back(window);
    if (end == rest.end) return;
    rest.begin = start_of_overlap({rest.begin, end});
  }
}

/// The end of the longest start of `span` that fits; at least one character.
std::size_t Cutter::longest_prefix(Span span) const {
  auto low = next_character(text_, span.begin);
  if (!count_) {
    std::size_t taken = 1;
    while (low < span.end && taken < limit_) {
      if (taken + 8 <= limit_ && is_ascii(text_, low, span.end)) {
        low += 8;
        taken += 8;
      } else {
        low = next_character(text_, low);
        ++taken;
      }
    }
  } else {
    // Doubles until it does not fit, then halves the doubt.
    auto high = low;
    for (std::size_t bytes = limit_ * characters_of_a_token;; bytes *= 2) {
      high = bytes < span.end - span.begin ? std::max(aligned(text_, span.begin + bytes), low) : span.end;
      if (!fits({span.begin, high})) break;
      low = high;
      if (high == span.end) break;
    }
    while (low < high) {
      const auto middle = aligned(text_, low + (high - low + 1) / 2);
      const auto at = middle > low ? middle : next_character(text_, low);
      if (at >= high) break;
      (fits({span.begin, at}) ? low : high) = at;
    }
  }
  // A line end of two characters stays one.
  if (low < span.end && low > span.begin + 1 && text_[low - 1] == '\r' && text_[low] == '\n') --low;
  return low;
}

/// Where the next window begins: after the first character, so that there is an end to it.
std::size_t Cutter::start_of_overlap(Span span) const {
  if (overlap_ == 0) return span.end;
  const auto least = next_character(text_, span.begin);
  if (!count_) {
    auto at = span.end;
    for (std::size_t taken = 0; at > least && taken < overlap_; ++taken) at = aligned(text_, at - 1);
    return std::max(at, least);
  }
  auto low = least, high = span.end;  // what begins at `high` is short enough
  while (low < high) {
    const auto middle = aligned(text_, low + (high - low) / 2);
    if (middle < low) break;
    if (size({middle, span.end}) <= overlap_) {
      high = middle;
    } else {
      low = next_character(text_, middle);
    }
  }
  return std::clamp(high, least, span.end);
}

}  // namespace dspy::documents
