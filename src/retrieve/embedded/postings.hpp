#pragma once

#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/catalog.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Which words stand where: for each word, blocks of (row, how often, words of the text), rows ascending from block to
// block.  A block is bytes with a checksum; docs/formats/index.md has them.

namespace dspy::embedded {

struct Posting {
  std::uint64_t row = 0;
  std::uint64_t count = 0;
  std::uint64_t length = 0;

  bool operator==(const Posting&) const = default;
};

std::string pack_postings(const std::vector<Posting>& postings);
/// Visits each; false if the bytes are damaged, of which nothing was visited then.
bool unpack_postings(std::string_view bytes, const std::function<void(const Posting&)>& visit);

/// The postings of the passages of one transaction.
using NewPostings = std::map<std::string, std::vector<Posting>>;
void add_words(NewPostings& postings, std::int64_t row, std::string_view text, std::int64_t& length);
void insert_postings(Catalog& catalog, const NewPostings& postings, std::int64_t block);

/// Rows and scores by BM25, best first, equal ones by row; at most `k`.  Those in `dead` do not count, and only those
/// in `wanted` are found where it is given.  `damaged` is told of words whose postings cannot be read.
std::vector<std::pair<double, std::int64_t>> search_words(Catalog& catalog, const State& state, std::string_view text,
                                                          std::size_t k, const Bitmap& dead,
                                                          const std::optional<Bitmap>& wanted,
                                                          const std::function<void(const std::string&)>& damaged);

/// Writes all postings anew, without those of `dead`, a word's blocks as few as they may be.
void compact_postings(Catalog& catalog, const Bitmap& dead, std::int64_t& next_block);

}  // namespace dspy::embedded
