#include "retrieve/embedded/postings.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "retrieve/words.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <format>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::embedded {
namespace {

constexpr std::size_t postings_per_block = 8'192;

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
void append_number(std::string& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

bool take_number(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace

std::string pack_postings(const std::vector<Posting>& postings) {
  std::string out(sizeof(std::uint64_t), '\0');
  std::uint64_t before = 0;
  for (const auto& [row, count, length] : postings) {
    append_number(out, row - std::exchange(before, row));
    append_number(out, count);
    append_number(out, length);
  }
  const auto checksum = hash_bytes(std::string_view(out).substr(sizeof(std::uint64_t)));
  std::memcpy(out.data(), &checksum, sizeof checksum);
  return out;
}

bool unpack_postings(std::string_view bytes, const std::function<void(const Posting&)>& visit) {
  std::uint64_t checksum = 0;
  if (bytes.size() < sizeof checksum) return false;
  std::memcpy(&checksum, bytes.data(), sizeof checksum);
  bytes.remove_prefix(sizeof checksum);
  if (hash_bytes(bytes) != checksum) return false;
  std::vector<Posting> all;
  for (Posting posting; !bytes.empty();) {
    std::uint64_t step = 0;
    if (!take_number(bytes, step) || !take_number(bytes, posting.count) || !take_number(bytes, posting.length))
      return false;
    if (step == 0 || posting.row > (std::uint64_t{1} << 40) || step > (std::uint64_t{1} << 40) || posting.count == 0 ||
        posting.length < posting.count)
      return false;
    posting.row += step;
    all.push_back(posting);
  }
  std::ranges::for_each(all, visit);
  return true;
}

void add_words(NewPostings& postings, std::int64_t row, std::string_view text, std::int64_t& length) {
  const auto words = count_words(text);
  length = static_cast<std::int64_t>(words.length);
  for (const auto& [word, count] : words.counts)
    postings[word].push_back({static_cast<std::uint64_t>(row), count, words.length});
}

void insert_postings(Catalog& catalog, const NewPostings& postings, std::int64_t block) {
  for (const auto& [word, all] : postings)
    catalog.statement("INSERT INTO postings (word, block, data) VALUES (?1, ?2, ?3)")
        .bind_text(1, word)
        .bind(2, block)
        .bind_bytes(3, pack_postings(all))
        .run();
}

std::vector<std::pair<double, std::int64_t>> search_words(Catalog& catalog, const State& state, std::string_view text,
                                                          std::size_t k, const Bitmap& dead,
                                                          const std::optional<Bitmap>& wanted,
                                                          const std::function<void(const std::string&)>& damaged) {
  const Bm25 bm25{
      .texts = static_cast<double>(state.texts),
      .average_length = state.texts == 0 ? 0 : static_cast<double>(state.words) / static_cast<double>(state.texts)};
  std::vector<double> scores(static_cast<std::size_t>(state.next_row));
  std::vector<std::int64_t> met;
  for (const auto& [word, times] : count_words(text).counts) {
    std::vector<Posting> postings;
    auto& rows = catalog.statement("SELECT data FROM postings WHERE word = ?1 ORDER BY block").bind_text(1, word);
    while (rows.step()) {
      const bool is_sound = unpack_postings(rows.bytes(0), [&](const Posting& posting) {
        if (posting.row < scores.size() && !dead.has(posting.row)) postings.push_back(posting);
      });
      if (!is_sound) damaged(word);
    }
    rows.reset();
    const double idf = bm25.idf(static_cast<double>(postings.size()));
    for (const auto& [row, count, length] : postings) {
      if (wanted && !wanted->has(row)) continue;
      if (scores[row] == 0) met.push_back(static_cast<std::int64_t>(row));
      scores[row] +=
          static_cast<double>(times) * bm25.score(idf, static_cast<double>(count), static_cast<double>(length));
    }
  }
  std::vector<std::pair<double, std::int64_t>> found;
  found.reserve(met.size());
  for (const auto row : met) found.emplace_back(scores[static_cast<std::size_t>(row)], row);
  const auto is_better = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  const auto most = std::min(k, found.size());
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(most), is_better);
  found.resize(most);
  return found;
}

void compact_postings(Catalog& catalog, const Bitmap& dead, std::int64_t& next_block) {
  std::vector<std::string> words;
  auto& names = catalog.statement("SELECT DISTINCT word FROM postings ORDER BY word");
  while (names.step()) words.emplace_back(names.bytes(0));
  names.reset();
  for (const auto& word : words) {
    std::vector<Posting> postings;
    auto& rows = catalog.statement("SELECT data FROM postings WHERE word = ?1 ORDER BY block").bind_text(1, word);
    while (rows.step()) {
      const bool is_sound = unpack_postings(rows.bytes(0), [&](const Posting& posting) {
        if (!dead.has(posting.row)) postings.push_back(posting);
      });
      if (!is_sound)
        throw Error(Errc::io_error,
                    std::format("the places of the word `{}` in the index are damaged; build it again", word));
    }
    rows.reset();
    catalog.statement("DELETE FROM postings WHERE word = ?1").bind_text(1, word).run();
    for (std::size_t start = 0; start < postings.size(); start += postings_per_block) {
      const auto end = std::min(postings.size(), start + postings_per_block);
      insert_postings(catalog,
                      {{word,
                        {postings.begin() + static_cast<std::ptrdiff_t>(start),
                         postings.begin() + static_cast<std::ptrdiff_t>(end)}}},
                      next_block++);
    }
  }
}

}  // namespace dspy::embedded
