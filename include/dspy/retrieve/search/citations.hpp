#pragma once

#include "dspy/retrieve/passage.hpp"
#include "dspy/signature/media.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A passage that an answer names, or seems to be taken from, for one of its statements.
struct SourceCitation {
  std::string statement = {};  ///< A sentence of the answer, without its marks.
  std::size_t mark =
      0;  ///< As it stands in brackets, from 1; 0: the answer has none, and the passage was found by its words.
  /// Which of the passages; none where the mark names no passage.
  std::optional<std::size_t> passage = {};
  /// The share of the statement's words (of four letters and more) and numbers that the passage has.
  double support = 0;
  /// What the statement has in quotation marks and the passage does not, word by word.
  std::vector<std::string> misquoted = {};

  // Where the passage is: copied from it, so that nothing has to be looked up.
  std::string source = {};
  std::size_t begin = 0;  ///< Bytes in the source.
  std::size_t end = 0;
  std::optional<std::size_t> line = {};
  std::optional<std::size_t> last_line = {};
};

struct CitedAnswer {
  std::vector<SourceCitation> citations = {};
  std::vector<std::string> uncited = {};  ///< Statements that no passage supports.

  /// Every mark names a passage that has most of the statement's words and all of its quotes, and every statement has
  /// one.
  bool is_supported = false;
};

struct CitationOptions {
  double least_support = 0.5;  ///< From which share of its words on a statement counts as supported.
  /// Statements without a mark are given the passage that supports them best, if one does so well enough.
  bool finds_unmarked = true;
};

/// Holds an answer against the passages it was made from.  Marks are `[1]`, `[1, 3]` and `[1][3]`; they belong to the
/// sentence before them.
CitedAnswer check_citations(std::string_view answer, const std::vector<Hit>& hits, const CitationOptions& options = {});

/// The same in DSPy's form: places in the passages as documents, counted in characters.
Citations to_citations(const CitedAnswer& answer, const std::vector<Hit>& hits);

/// `docs/guide.md:12-20`, or without lines `docs/guide.md`.
std::string place_of(const SourceCitation& citation);
std::string place_of(const Passage& passage);

}  // namespace dspy
