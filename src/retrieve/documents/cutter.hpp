#pragma once

#include "dspy/retrieve/documents/chunk.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace dspy::documents {

/// `[begin, end)` of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const Span&) const = default;
};

/// Without white space at both ends.
Span trimmed(std::string_view text, Span span);

/// Where a text is cut first, and where next if that is not enough.
enum class Seam { blank_lines, lines, sentences, words, characters };

/// Cuts spans of a text into pieces that fit, and puts pieces together again as long as they do.
class Cutter {
 public:
  /// The text and the options outlive it.  Throws what `chunk` throws.
  Cutter(std::string_view text, const ChunkOptions& options);

  /// In units of the limit: tokens as counted, or characters where nothing counts tokens.
  std::size_t size(Span span) const;
  bool fits(Span span) const;

  /// Appends the chunks of `span`, cut at `seam`, and at finer ones where a piece is still too long.
  void cut(Span span, Seam seam, std::vector<Span>& out) const;
  /// Puts neighbours together; a piece that is too long is cut at `finer`.
  void pack(const std::vector<Span>& pieces, Seam finer, std::vector<Span>& out) const;
  /// Windows of the limit's size, wherever they end.
  void windows(Span span, std::vector<Span>& out) const;

  /// Without white space at both ends.
  Span trimmed(Span span) const { return documents::trimmed(text_, span); }
  std::string_view text(Span span) const { return text_.substr(span.begin, span.end - span.begin); }

 private:
  void add(Span span, std::vector<Span>& out) const;
  std::size_t size_at_end(Span piece, std::size_t size_of_all) const;
  std::vector<Span> split(Span span, Seam seam) const;
  std::size_t longest_prefix(Span span) const;
  std::size_t start_of_overlap(Span span) const;

  std::string_view text_;
  const TokenCounter& count_;
  std::size_t limit_;
  std::size_t overlap_;
};

/// Pieces of `span` that end after each line (or each blank line).
std::vector<Span> lines_of(std::string_view text, Span span);
std::vector<Span> paragraphs_of(std::string_view text, Span span);
std::vector<Span> sentences_of(std::string_view text, Span span);
std::vector<Span> words_of(std::string_view text, Span span);

}  // namespace dspy::documents
