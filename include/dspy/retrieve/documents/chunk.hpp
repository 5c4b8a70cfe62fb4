#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/documents/document.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Splitting documents into chunks of a size that embeds well.  All chunkers guarantee: a chunk is
// `text.substr(begin, end - begin)` of its document; chunks together have every character that is not white space; none
// begins or ends inside a UTF-8 character; and none is longer than the limit unless a single character is.

namespace dspy {

/// A piece of a document.
struct Chunk {
  std::size_t begin = 0;  ///< In bytes of the document's text.
  std::size_t end = 0;
  /// Its headings, outermost first.
  std::vector<std::string> headings = {};

  std::string_view text_in(std::string_view document) const { return document.substr(begin, end - begin); }
  bool operator==(const Chunk&) const = default;
};

/// Where a document may be cut.
enum class ChunkMethod {
  automatic,  ///< `markdown` for documents that are, else `recursive`.
  recursive,  ///< At blank lines, else at lines, at sentences, at words: the largest pieces that fit, put together.
  markdown,   ///< Under its headings; then between blocks.  A fenced block of code that fits is not cut.
  sentences,  ///< Between sentences.
  fixed,      ///< After so many characters or tokens, wherever that is.
};
std::string_view to_string(ChunkMethod method) noexcept;
std::optional<ChunkMethod> chunk_method(std::string_view name) noexcept;

/// How many tokens a text has.  Calls may come from any thread.
using TokenCounter = std::function<std::size_t(std::string_view text)>;

struct ChunkOptions {
  ChunkMethod method = ChunkMethod::automatic;
  std::size_t tokens = 320;  ///< The most that a chunk has.
  double overlap = 0.1;      ///< The share of it that a chunk repeats of the one before it, at most; below 1.
  /// What counts tokens, such as a model's own tokenizer.  Unset: a token is four characters (code points).
  TokenCounter count = {};
  /// Fenced blocks longer than a chunk are cut between lines; if not, each is a chunk of its own, whatever its length.
  bool cuts_long_fences = true;
};

/// Cuts a text.  Text without anything but white space has no chunks.  Throws `Error` (`invalid_parameter`) for options
/// out of range, (`bad_input`) for a text that is not UTF-8.
std::vector<Chunk> chunk(std::string_view text, const ChunkOptions& options = {});
/// The same, by the document's format.
std::vector<Chunk> chunk(const TextDocument& document, const ChunkOptions& options = {});

struct SemanticChunkOptions {
  ChunkOptions limits = {};  ///< Groups of sentences longer than this are cut again between sentences.
  /// Sentences are separated where the distance to their neighbours is among the largest `100 - percentile` percent.
  double percentile = 95;
  std::size_t window = 1;  ///< A sentence is embedded with so many before and after it.
};

/// Cuts a text where its subject changes, as an embedding model sees it (Kamradt's method: distances between the
/// embeddings of neighbouring windows, cut at the given percentile).  Throws as `chunk` does, and what the embedder
/// throws.
Async<std::vector<Chunk>> semantic_chunks(std::string text, std::shared_ptr<Embedder> embedder,
                                          SemanticChunkOptions options = {});

/// The sentences of a text as spans that follow each other and cover all of it: ended by `.`, `!`, `?` or their like in
/// other scripts, and by blank lines; not after known abbreviations, initials and numbers.  After UAX #29's rules.
std::vector<Chunk> sentences(std::string_view text);

/// The line of each byte position of a text, found in logarithmic time.
class LineIndex {
 public:
  explicit LineIndex(std::string_view text, std::size_t first_line = 1);
  std::size_t line_of(std::size_t position) const;

 private:
  std::vector<std::size_t> starts_;
  std::size_t first_;
};

}  // namespace dspy
